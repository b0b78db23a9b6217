// Imports point down only (docs/adr/0001): core <- api <- kube <- {controllers, gateway, metrics-api} <- local <- cli; worker imports core alone.
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^${from}`, pathNot: '\\.test\\.ts$' },
  to: { path: '^(src|controllers|test)/', pathNot: `^(${[from, ...allowed].join('|')})` },
});

module.exports = {
  forbidden: [
    only('core-imports-nothing', 'src/core/', []),
    only('api-imports-core', 'src/api/', ['src/core/']),
    only('kube-is-a-library', 'src/kube/', ['src/core/']),
    only('controllers-down-only', 'controllers/', ['src/core/', 'src/api/', 'src/kube/']),
    only('gateway-down-only', 'src/gateway/', ['src/core/', 'src/api/', 'src/kube/']),
    only('metrics-api-down-only', 'src/metrics-api/', ['src/core/', 'src/api/', 'src/kube/']),
    only('worker-imports-core', 'src/worker/', ['src/core/']),
    only('observability-imports-core', 'src/observability/', ['src/core/']),
    only('local-down-only', 'src/local/', ['src/core/', 'src/api/', 'src/kube/', 'src/gateway/', 'src/metrics-api/', 'controllers/']),
    {
      name: 'observability-is-build-time',
      severity: 'error',
      from: { path: '^(src|controllers)/', pathNot: '^src/observability/' },
      to: { path: '^src/observability/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'source-without-tests',
      severity: 'error',
      from: { path: '^(src|controllers)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^test/|\\.test\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] },
  },
};
