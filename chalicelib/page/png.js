/** Writes a small PNG in grey. A canvas would write colours, and might round them. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const GREY_8_BITS = [8, 0, 0, 0, 0];

/** Returns the bytes of a square PNG; each pixel is from 0 (black) to 255, row by row. */
export function greyPng(side, pixels) {
  const size = bytesOf(side);
  const rows = pixels.flatMap((pixel, at) => (at % side ? pixel : [0, pixel])); // 0: no filter
  return new Uint8Array([
    ...SIGNATURE,
    ...chunk("IHDR", [...size, ...size, ...GREY_8_BITS]),
    ...chunk("IDAT", stored(rows)),
    ...chunk("IEND", []),
  ]);
}

const bytesOf = (number) => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255);

function chunk(name, data) {
  const named = [...new TextEncoder().encode(name), ...data];
  return [...bytesOf(data.length), ...named, ...bytesOf(crc32(named))];
}

/** Wraps up to 65,535 bytes as zlib does, in one block without compression. */
function stored(data) {
  const [low, high] = [data.length & 255, data.length >>> 8];
  return [0x78, 1, 1, low, high, low ^ 255, high ^ 255, ...data, ...bytesOf(adler32(data))];
}

function crc32(data) {
  let sum = -1;
  for (const byte of data) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum;
}

function adler32(data) {
  let [low, high] = [1, 0];
  for (const byte of data) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  return high * 65536 + low;
}
