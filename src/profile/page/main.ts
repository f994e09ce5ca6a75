import type { PageData } from '../report/page-data.js';
import { element } from './elements.js';
import { flameSection } from './flame.js';
import { overview } from './overview.js';
import { phasesSection } from './phases.js';
import { requestsSection } from './requests.js';
import { tableSection } from './table.js';
import { timelineSection } from './timeline.js';

const THEMES = ['', 'light', 'dark'] as const;
const THEME_NAMES = { '': 'as the system', light: 'light', dark: 'dark' } as const;

const data = JSON.parse(document.getElementById('data')!.textContent ?? '') as PageData;

const sections: readonly (readonly [string, string])[] = [
  ['timeline', 'Timeline'],
  ['flame', 'Flame graph'],
  ['exits', 'Exits'],
  ...(data.requests.length > 0 ? [['requests', 'Requests'] as const] : []),
  ['boot', 'Boot'],
];
let theme = 0;
const themeButton = element('button', { class: 'plain', id: 'theme', onclick: () => switchTheme(theme + 1) });

function switchTheme(to: number): void {
  theme = to % THEMES.length;
  document.documentElement.dataset['theme'] = THEMES[theme];
  themeButton.textContent = `Colours: ${THEME_NAMES[THEMES[theme]]}`;
}

switchTheme(0);
document.body.append(
  element(
    'header',
    {},
    element('h1', {}, `VM exits of ${data.kernel.split('/').at(-1) ?? data.kernel}`),
    element('nav', {}, ...sections.map(([id, title]) => element('a', { href: `#${id}` }, title))),
    themeButton,
  ),
  element(
    'main',
    {},
    overview(data),
    timelineSection(data),
    flameSection(data),
    tableSection(data),
    requestsSection(data),
    phasesSection(data),
  ),
);
