import { expect, it } from 'vitest';
import { parseAction } from '../../../src/cli/parse-action.js';
import { ConfigError } from '../../../src/errors.js';

it.each(['exit-failure', 'shutdown', 'none'])('--action panic=%s', word => {
  expect(parseAction(`panic=${word}`)).toBe(word);
});

it.each(['', 'none', 'panic=', 'panic=pause', 'reboot=reset'])('--action refuses %j with one line', text => {
  expect(() => parseAction(text)).toThrow(ConfigError);
  expect(() => parseAction(text)).toThrow(/is not understood: write panic=exit-failure\|shutdown\|none/);
});
