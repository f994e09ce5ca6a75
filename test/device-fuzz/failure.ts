/** A device did what no guest may bring it to. */
export class DeviceFailure extends Error {
  override readonly name = 'DeviceFailure';
}
