// The blind test: is X the same as A or as B? Pure arithmetic and a small state machine, no page.

// The chance of at least `right` right answers in `trials` when every answer is a guess.
export function chanceOf(right, trials) {
  let term = 0.5 ** trials; // the probability of all wrong, then of one right, and so on
  let sum = 0;
  for (let k = 0; k <= trials; k++) {
    if (k >= right) sum += term;
    term *= (trials - k) / (k + 1);
  }
  return Math.min(1, sum);
}

export function fairCoin() {
  return (crypto.getRandomValues(new Uint8Array(1))[0] & 1) === 1;
}

// The number of right answers is told only when all trials are done: knowing it earlier invites stopping at a good moment.
export function createTest(trials, coin = fairCoin) {
  const answers = [];
  let hidden = coin() ? 'B' : 'A';
  return {
    trials,
    get done() {
      return answers.length >= trials;
    },
    get answered() {
      return answers.length;
    },
    get hidden() {
      return hidden;
    },
    answer(guess) {
      if (answers.length >= trials) return;
      answers.push(guess === hidden);
      hidden = coin() ? 'B' : 'A';
    },
    result() {
      if (answers.length < trials) return null;
      const right = answers.filter(Boolean).length;
      return { right, trials, p: chanceOf(right, trials) };
    },
  };
}
