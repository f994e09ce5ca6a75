import type { Profile } from '../format.js';
import { PAGE_SCRIPT, PAGE_STYLE } from './page-assets.js';
import { pageData } from './page-data.js';

/** A page with everything in it: it needs no network, and no other file. */
export function htmlPage(profile: Profile): string {
  const data = pageData(profile);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(data.kernel)}: VM exits</title>
<link rel="icon" href="data:,">
<style>
${PAGE_STYLE}
</style>
</head>
<body>
<noscript>This page needs JavaScript: everything that it shows is in it as data.</noscript>
<script id="data" type="application/json">${escapeJson(JSON.stringify(data))}</script>
<script>
${PAGE_SCRIPT}
</script>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`);
}

/** Nothing in it ends the script element (HTML, 4.12.1.3). */
function escapeJson(json: string): string {
  return json.replaceAll('<', String.raw`\u003c`);
}
