// The Mersenne Twister MT19937 as torch seeds and reads it: a seed makes the same random mask here and in Python.
// Source: Matsumoto and Nishimura, "Mersenne Twister" (1998).

const N = 624;
const M = 397;

export function createTwister(seed) {
  const state = new Uint32Array(N);
  state[0] = seed >>> 0;
  for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  let at = N;

  function refill() {
    for (let i = 0; i < N; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7fffffff);
      state[i] = state[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    at = 0;
  }

  function next() {
    if (at === N) refill();
    let y = state[at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  // A float32 in [0, 1): its 24 bits are the lowest of the next word.
  return { next, uniform: () => (next() & 0xffffff) / 16777216 };
}
