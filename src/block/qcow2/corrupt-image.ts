/** The image contradicts itself: nothing more can be done with it before it is repaired. */
export class CorruptImage extends Error {
  constructor(why: string) {
    super(`the image is corrupt: ${why}; qemu-img check tells more`);
    this.name = new.target.name;
  }
}
