/**
 * A page of results as one HTML file: data, style and script within it, nothing from a network. It holds no date and no random
 * name of its own, so the same data give the same bytes.
 */
import { script, style } from 'cfr:report-page';
import { escapeHtml } from './html.js';
import type { PageData } from './page-data.js';

export function buildPage(data: PageData): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(data.title)}</title>
<style>${style.replaceAll('</style', '<\\/style')}</style>
</head>
<body>
<div id="app"><noscript><main><h1>${escapeHtml(data.title)}</h1>
<p>This page needs JavaScript, which is within it: nothing is fetched. ${withoutScript(data)}</p></main></noscript></div>
<script type="application/json" id="data">${json(data)}</script>
<script>${script.replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`;
}

function withoutScript(data: PageData): string {
  const names = data.files.map(({ name, href }) => `<a href="${escapeHtml(href)}">${escapeHtml(name)}</a>`);
  return names.length === 0 ? '' : `The same figures are in ${names.join(', ')}.`;
}

/** JSON that ends no element and is no part of a script by accident. */
function json(data: PageData): string {
  return JSON.stringify(data)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}
