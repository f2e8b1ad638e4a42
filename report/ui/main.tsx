/** The script of a page of results: reads the data that the page holds and shows them. */
import { render } from 'preact';
import type { PageData } from '../page-data.js';
import { RunView } from './run/run-view.js';
import { StudyView } from './study/study-view.js';
import './tokens.css';
import './base.css';

const data = JSON.parse(document.getElementById('data')!.textContent!) as PageData;
const app = document.getElementById('app')!;
app.replaceChildren();
render(data.kind === 'run' ? <RunView page={data} /> : <StudyView page={data} />, app);
