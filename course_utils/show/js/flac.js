// A FLAC reader (RFC 9639) for one channel of at most 16 bits. It is here, instead of the browser's decodeAudioData,
// because the samples must come out as the exact integers that Python packed, on every browser, without a sound device.

export function decodeFlac(bytes) {
  if (bytes.length < 42 || String.fromCharCode(...bytes.subarray(0, 4)) !== 'fLaC') {
    throw new Error('not a FLAC stream: it does not start with "fLaC"');
  }
  let at = 4;
  let info = null;
  for (let last = false; !last;) {
    last = (bytes[at] & 128) !== 0;
    const size = (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
    if ((bytes[at] & 127) === 0) info = streamInfo(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  const samples = new Int16Array(info.length);
  const bits = bitReader(bytes, at);
  for (let done = 0; done < info.length;) done += decodeFrame(bits, samples, done, info);
  return { samples, sampleRate: info.sampleRate };
}

function streamInfo(b) {
  const info = {
    sampleRate: (b[10] << 12) | (b[11] << 4) | (b[12] >> 4),
    channels: ((b[12] >> 1) & 7) + 1,
    depth: (((b[12] & 1) << 4) | (b[13] >> 4)) + 1,
    length: (b[13] & 15) * 4294967296 + b[14] * 16777216 + ((b[15] << 16) | (b[16] << 8) | b[17]),
  };
  if (info.channels !== 1 || info.depth > 16) {
    throw new Error(`expected one channel of at most 16 bits, found ${info.channels} of ${info.depth}`);
  }
  return info;
}

function bitReader(bytes, start) {
  let at = start; // the next byte
  let held = 0; // bits read from it so far
  const read = (n) => {
    let value = 0;
    while (n > 0) {
      if (at >= bytes.length) throw new Error('the FLAC stream ends early');
      const take = Math.min(n, 8 - held);
      value = value * (1 << take) + ((bytes[at] >> (8 - held - take)) & ((1 << take) - 1));
      held += take;
      n -= take;
      if (held === 8) {
        held = 0;
        at++;
      }
    }
    return value;
  };
  return {
    read,
    signed(n) {
      const value = read(n);
      return value >= 2 ** (n - 1) ? value - 2 ** n : value;
    },
    // The number of zeros before the next one.
    unary() {
      let zeros = 0;
      for (;;) {
        if (at >= bytes.length) throw new Error('the FLAC stream ends early');
        const rest = (bytes[at] << held) & 255;
        if (rest === 0) {
          zeros += 8 - held;
          held = 0;
          at++;
          continue;
        }
        const lead = Math.clz32(rest) - 24;
        held += lead + 1;
        if (held === 8) {
          held = 0;
          at++;
        }
        return zeros + lead;
      }
    },
    align() {
      if (held) {
        held = 0;
        at++;
      }
    },
  };
}

const DEPTHS = [0, 8, 12, 0, 16, 20, 24, 32];

function decodeFrame(bits, samples, start, info) {
  if (bits.read(15) !== 0x7ffc) throw new Error(`FLAC frame expected at sample ${start}`);
  bits.read(1); // fixed or variable block size: the sizes below say all that is needed
  const sizeCode = bits.read(4);
  const rateCode = bits.read(4);
  bits.read(4); // channels: one, checked above
  const depth = DEPTHS[bits.read(3)] || info.depth;
  bits.read(1);
  // The frame's number, in the manner of UTF-8: as many further bytes as the first has leading ones, less one.
  const first = bits.read(8);
  for (let mask = 64; first & 128 && first & mask; mask >>= 1) bits.read(8);
  let size = sizeCode === 1 ? 192 : sizeCode < 6 ? 576 << (sizeCode - 2) : 256 << (sizeCode - 8);
  if (sizeCode === 6) size = bits.read(8) + 1;
  if (sizeCode === 7) size = bits.read(16) + 1;
  if (rateCode === 12) bits.read(8);
  if (rateCode === 13 || rateCode === 14) bits.read(16);
  bits.read(8); // CRC-8 of the header
  decodeSubframe(bits, samples, start, size, depth);
  bits.align();
  bits.read(16); // CRC-16 of the frame
  return size;
}

function decodeSubframe(bits, out, start, size, depth) {
  bits.read(1);
  const type = bits.read(6);
  const wasted = bits.read(1) ? bits.unary() + 1 : 0;
  const width = depth - wasted;
  const x = new Int32Array(size);
  if (type === 0) {
    x.fill(bits.signed(width));
  } else if (type === 1) {
    for (let i = 0; i < size; i++) x[i] = bits.signed(width);
  } else if (type >= 8 && type <= 12) {
    predict(bits, x, type - 8, width, () => ({ shift: 0, taps: FIXED[type - 8] }));
  } else if (type >= 32) {
    predict(bits, x, type - 31, width, () => {
      const precision = bits.read(4) + 1;
      const shift = bits.signed(5);
      return { shift, taps: Array.from({ length: type - 31 }, () => bits.signed(precision)) };
    });
  } else {
    throw new Error(`unknown FLAC subframe type ${type}`);
  }
  for (let i = 0; i < size; i++) out[start + i] = x[i] << wasted;
}

const FIXED = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]];

// Warm-up samples as they are, then each sample = floor(sum of taps times the samples before it / 2^shift) + residual.
function predict(bits, x, order, width, readTaps) {
  for (let i = 0; i < order; i++) x[i] = bits.signed(width);
  const { shift, taps } = readTaps();
  readResidual(bits, x, order);
  const scale = 2 ** shift;
  for (let i = order; i < x.length; i++) {
    let sum = 0; // a double: exact up to 2^53, far beyond order * 2^15 * 2^16
    for (let j = 0; j < order; j++) sum += taps[j] * x[i - 1 - j];
    x[i] += Math.floor(sum / scale);
  }
}

// Rice codes in 2^k partitions, each with its own parameter; a parameter of all ones means plain numbers.
function readResidual(bits, x, order) {
  const wide = bits.read(2) === 1;
  const partitions = 1 << bits.read(4);
  const size = x.length / partitions;
  let i = order;
  for (let p = 0; p < partitions; p++) {
    const end = (p + 1) * size;
    const rice = bits.read(wide ? 5 : 4);
    if (rice === (wide ? 31 : 15)) {
      const plain = bits.read(5);
      for (; i < end; i++) x[i] = plain ? bits.signed(plain) : 0;
    } else {
      for (; i < end; i++) {
        const code = bits.unary() * (1 << rice) + (rice ? bits.read(rice) : 0);
        x[i] = code & 1 ? -((code + 1) / 2) : code / 2;
      }
    }
  }
}
