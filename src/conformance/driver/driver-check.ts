/** How the drivers of one machine are checked: plain data. */
export interface DriverCheck {
  /** By name, how devices behave: as usual for `plain`. */
  readonly variant: string;
}
