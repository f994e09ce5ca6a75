/** How a kernel that asks for the boot loader's name sees us. */
export const LOADER_NAME = 'tsvmm';
