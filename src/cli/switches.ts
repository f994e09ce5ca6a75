import { ConfigError } from '../errors.js';

/** `on` or `off`, as QEMU has them. @throws ConfigError for another word */
export function parseSwitch(option: string, key: string, value: string): boolean {
  if (value !== 'on' && value !== 'off') {
    throw new ConfigError(`${option}: ${key} is on or off, not '${value}'`, { key });
  }
  return value === 'on';
}

/** `key=value` apart; the key alone turns it on. */
export function splitSetting(text: string): [key: string, value: string] {
  const [key, value = 'on'] = text.split(/=(.*)/s, 2);
  return [key, value];
}
