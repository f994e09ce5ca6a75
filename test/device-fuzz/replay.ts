import { CorpusFolder } from './corpus.js';
import { formatStep } from './operations.js';
import { runSteps } from './fuzz-case.js';
import { FAMILIES } from './targets.js';

/** Runs the whole corpus of a folder once; status 1 when a case fails. */
const corpus = new CorpusFolder(process.argv[2]);
for (const [family, targets] of Object.entries(FAMILIES)) {
  for (const { target, steps } of corpus.read(family)) {
    const { failure } = runSteps(targets[target], steps);
    if (!failure) continue;
    console.log(`${target} at ${formatStep(steps[failure.step])}: ${failure.error.stack}`);
    process.exitCode = 1;
  }
}
