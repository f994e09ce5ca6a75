import { compareForms, compareX87Cases, type Campaign, type Mismatch } from './campaign.js';
import { nativeIsAmd } from './host.js';
import { INTEGER_FORMS } from './integer-forms.js';
import { SYSTEM_FORMS } from './system-forms.js';
import { FLOAT_FORMS, VECTOR_FORMS } from './vector-forms.js';
import { X87_FORMS } from './x87-forms.js';

/** All kinds of cases. */
export const CAMPAIGNS: readonly (readonly [string, (campaign: Campaign) => readonly Mismatch[]])[] = [
  ['integer', campaign => compareForms(campaign, INTEGER_FORMS)],
  ['control transfer and system', campaign => compareForms(campaign, SYSTEM_FORMS)],
  ['MMX and SSE', campaign => compareForms(campaign, VECTOR_FORMS)],
  ['SSE floating point', campaign => compareForms(campaign, FLOAT_FORMS)],
  ['x87', campaign => compareForms(campaign, X87_FORMS)],
  // Pointers, undocumented encodings and stack faults: as on AMD's processors.
  ...(nativeIsAmd
    ? [['x87 exceptions', (campaign: Campaign) => compareX87Cases(campaign).found] as const]
    : []),
];
