// Base 85: five printable characters for four bytes (25 % larger than the bytes; base64 is 33 % larger).
// The alphabet avoids the characters HTML and JSON have to escape: < > & " ' ` and the backslash.

export const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%,()*+-;.=:?@^_[{|}~';

export function fromBase85(text) {
  const digit = new Uint8Array(128).fill(255);
  for (let i = 0; i < 85; i++) digit[ALPHABET.charCodeAt(i)] = i;
  const missing = (5 - (text.length % 5)) % 5; // the last group may be short: pad it with the highest digit
  const out = new Uint8Array(((text.length + missing) / 5) * 4);
  let value = 0;
  for (let i = 0, at = 0; i < text.length + missing; i++) {
    const d = i < text.length ? digit[text.charCodeAt(i) & 127] : 84;
    if (d === 255) throw new Error(`character ${JSON.stringify(text[i])} at ${i} is not base 85`);
    value = value * 85 + d;
    if (i % 5 === 4) {
      out[at++] = value / 16777216;
      out[at++] = (value >>> 16) & 255;
      out[at++] = (value >>> 8) & 255;
      out[at++] = value & 255;
      value = 0;
    }
  }
  return out.subarray(0, out.length - missing);
}
