/** Source and destination port, length, checksum (RFC 768). */
export const UDP_HEADER = 8;
