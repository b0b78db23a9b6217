import { defineConfig } from 'vitest/config';
import { CountsReporter } from './test/reporter.ts';

const onRealKubernetes = ['test/control-plane/**/*.test.ts', 'test/e2e/cluster/**/*.test.ts'];

export default defineConfig({
  test: {
    reporters: ['default', new CountsReporter()],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'local', include: ['{src,controllers,test}/**/*.test.ts'], exclude: onRealKubernetes, sequence: { groupOrder: 0 } },
      },
    ],
  },
});
