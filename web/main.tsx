import { render } from 'preact';
import { start } from './actions.js';
import { deviceFailure } from './state.js';
import { App } from './ui/app.js';
import './style.css';

render(<App />, document.getElementById('app')!);
start().catch((error: Error) => {
  deviceFailure.value = error.message;
});
