import { defineConfig } from 'vitest/config';
import { CountsReporter } from './test/reporter.ts';

const controlPlane = 'test/control-plane/**/*.test.ts';
const cluster = 'test/e2e/cluster/**/*.test.ts';

export default defineConfig({
  test: {
    reporters: ['default', new CountsReporter()],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // One after the other: a cluster on the same cores would make the times of the others those of a busy machine.
    projects: [
      {
        extends: true,
        test: {
          name: 'local',
          include: ['{src,controllers,test}/**/*.test.ts'],
          exclude: [controlPlane, cluster],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'control-plane',
          include: [controlPlane],
          globalSetup: 'test/control-plane/setup.ts',
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: [cluster],
          globalSetup: 'test/e2e/cluster/setup.ts',
          sequence: { groupOrder: 2 },
          // All files share one cluster and one release of the chart.
          fileParallelism: false,
          maxWorkers: 1,
        },
      },
    ],
  },
});
