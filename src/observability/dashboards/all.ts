import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { gatewayDashboard } from './gateway.ts';
import { modelsDashboard } from './models.ts';
import { operatorDashboard } from './operator.ts';

/** Every dashboard. */
export function dashboards(): readonly Dashboard[] {
  return [operatorDashboard(), gatewayDashboard(), modelsDashboard()];
}
