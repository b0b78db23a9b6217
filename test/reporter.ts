import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

/** Closes a run with one plain line of counts, and makes a skip an error where nothing may be skipped (CI). */
export class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: TestRunEndReason): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 };
    const skipped: string[] = [];
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      // A file that cannot be read, or a hook that throws, fails without any test that does.
      const broken = [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
      counts.failed += broken.length;
      for (const test of tests) {
        const { state } = test.result();
        if (state === 'passed') counts.passed += 1;
        else if (state === 'failed') counts.failed += 1;
        else {
          counts.skipped += 1;
          skipped.push(`${module.relativeModuleId} > ${test.fullName}`);
        }
      }
    }
    if (process.env.CI && skipped.length > 0) {
      console.error(`\nSkips are errors in CI:\n  ${skipped.join('\n  ')}`);
      process.exitCode = 1;
    }
    if (reason === 'interrupted') return;
    console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}
