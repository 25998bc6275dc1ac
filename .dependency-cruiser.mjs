// The zones of docs/architecture.md as data. Each zone lists what of ours it may import; everything else is forbidden.
// `env.ts` and `module.ts` may be imported as types anywhere in worker/.
const ZONES = {
  contract: [],
  db: [],
  mail: [],
  platform: ['contract'],
  entitlements: ['platform', 'db', 'contract'],
  providers: ['mail', 'platform'],
  sync: ['providers', 'mail', 'platform', 'db', 'contract'],
  ingest: ['mail', 'platform', 'db', 'contract', 'features'],
  outbound: ['mail', 'platform', 'db', 'contract', 'features'],
}

/** Who may ask D1 across tenants (platform/system-db.ts). */
const SYSTEM_DB_USERS =
  '^worker/(create-worker|app|features/auth/|features/tenants/|features/inboxes/forward-address|sync/(sweep|email-entry|release-grant|push\\.routes|subscribers))'

const zoneRules = Object.entries(ZONES).map(([zone, allowed]) => ({
  name: `zone-${zone}`,
  comment: `worker/${zone} may import ${allowed.join(', ') || 'nothing of ours'}`,
  severity: 'error',
  from: { path: `^worker/${zone}/` },
  to: {
    path: '^(worker|web|test|scripts)/',
    pathNot: `^worker/(${[zone, ...allowed].join('|')})/`,
    dependencyTypesNot: ['type-only'],
  },
}))

const zoneTypeRules = Object.entries(ZONES).map(([zone, allowed]) => ({
  name: `zone-${zone}-types`,
  comment: `types too: worker/${zone} may import ${allowed.join(', ') || 'nothing of ours'}, and the types of env.ts and module.ts${zone === 'platform' ? ' and db' : ''}`,
  severity: 'error',
  from: { path: `^worker/${zone}/` },
  to: {
    path: '^(worker|web|test|scripts)/',
    pathNot: `^worker/((${[zone, ...allowed, ...(zone === 'platform' ? ['db'] : [])].join('|')})/|env\\.ts|module\\.ts)`,
    dependencyTypes: ['type-only'],
  },
}))

export default {
  forbidden: [
    ...zoneRules.map((rule) => ({ ...rule, to: { ...rule.to, pathNot: `${rule.to.pathNot}|^worker/env\\.ts$` } })),
    ...zoneTypeRules,
    {
      name: 'zone-feature',
      comment: 'a feature imports mail, platform, db, contract, entitlements and itself, never another feature',
      severity: 'error',
      from: { path: '^worker/features/([^/]+)/' },
      to: {
        path: '^(worker|web|test|scripts)/',
        pathNot: '^worker/(features/$1/|(mail|platform|db|contract|entitlements)/|env\\.ts|module\\.ts)',
      },
    },
    {
      name: 'zone-ee',
      comment: 'only the enterprise edition imports ee',
      severity: 'error',
      from: { path: '^(worker|web|scripts)/', pathNot: '^worker/ee/' },
      to: { path: '^worker/ee/' },
    },
    {
      name: 'vendors-apart',
      comment: 'providers never import each other',
      severity: 'error',
      from: { path: '^worker/providers/([^/]+)/' },
      to: { path: '^worker/providers/[^/]+/', pathNot: '^worker/providers/$1/' },
    },
    {
      name: 'zone-web',
      comment: 'web runs worker/contract and knows the type of the app, nothing else of ours',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^(worker|test|scripts)/', pathNot: '^worker/(contract/|app\\.ts$)' },
    },
    {
      name: 'web-app-type-only',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^worker/app\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'product-without-tests',
      comment: 'the product never imports tests or scripts',
      severity: 'error',
      from: { path: '^(worker|web)/' },
      to: { path: '^(test|scripts)/' },
    },
    {
      name: 'tenant-db-only',
      comment: 'D1 across tenants is for the few named files; everybody else has a TenantDb',
      severity: 'error',
      from: { path: '^worker/', pathNot: SYSTEM_DB_USERS },
      to: { path: '^worker/platform/system-db\\.ts$' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^(cloudflare:|virtual:)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json', '.css'],
    },
  },
}
