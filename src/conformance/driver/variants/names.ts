/** The run without any variant. */
export const PLAIN = 'plain';

/** Every variant's name. */
export function variantNames(): readonly string[] {
  return [];
}
