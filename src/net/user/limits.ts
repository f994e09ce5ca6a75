/** IPv6's least (RFC 8200, 5), so that one value does for both families. */
export const MIN_MTU = 1280;
/** What fits in 64 KiB with an Ethernet header: libslirp's and passt's limit. */
export const MAX_MTU = 65521;
