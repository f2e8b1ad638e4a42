/**
 * Closes a CI run: prints `N passed, N failed` from Vitest's JSON report, and fails where a test failed or none ran.
 *
 *     node scripts/ci-summary.mjs REPORT EXIT_CODE_OF_THE_TESTS
 */
import { readFileSync } from 'node:fs';

const [report, exitCode] = process.argv.slice(2);

/** Passed and failed tests; a file that did not load counts as one failure, and so does a run without a report. */
function count() {
  let results;
  try {
    results = JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    return { passed: 0, failed: 1 };
  }
  const tests = results.flatMap((file) => file.assertionResults);
  const unloaded = results.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return {
    passed: tests.filter((test) => test.status === 'passed').length,
    failed: tests.filter((test) => test.status === 'failed').length + unloaded.length,
  };
}

const { passed, failed } = count();
// A run can fail with all tests passed: an unhandled error, or a crash at the end.
const broken = failed > 0 || passed === 0 || exitCode !== '0';
if (broken) process.exitCode = 1;
console.log(`${passed} passed, ${broken ? Math.max(failed, 1) : failed} failed`);
