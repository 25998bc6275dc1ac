// Time limits only end what hangs; no test asserts a time. Seven projects: `unit` (plain Node, pure code), `worker` (real workerd), `imap` (real workerd against a real Dovecot),
// `google` and `microsoft` (real workerd against the vendor's simulator), `simulators` (the simulators against the vendors' own clients), `e2e` (the running app in a browser).
import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

/** Bindings every workerd test gets; the secrets are made up and appear nowhere else. */
async function workerd() {
  return cloudflareTest({
    main: './worker/ee/index.ts',
    wrangler: { configPath: './wrangler.jsonc' },
    miniflare: {
      bindings: {
        TEST_MIGRATIONS: await readD1Migrations('./migrations'),
        APP_URL: 'http://postroom.test',
        AUTH_SECRET: 'test-auth-secret-test-auth-secret-0001',
        OPERATOR_TOKEN: 'test-operator-token-0001-0001',
        ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
      },
    },
  })
}

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], environment: 'node', testTimeout: 30_000 } },
      {
        plugins: [await workerd()],
        test: {
          name: 'worker',
          include: ['test/worker/**/*.test.ts'],
          setupFiles: ['./test/support/migrations.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [await workerd()],
        test: {
          name: 'imap',
          globalSetup: ['./test/support/imap-global-setup.ts'],
          include: ['test/imap/**/*.test.ts'],
          setupFiles: ['./test/support/migrations.ts'],
          testTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        plugins: [await workerd()],
        test: {
          name: 'google',
          globalSetup: ['./test/support/google-global-setup.ts'],
          include: ['test/google/**/*.test.ts'],
          setupFiles: ['./test/support/migrations.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        plugins: [await workerd()],
        test: {
          name: 'microsoft',
          globalSetup: ['./test/support/microsoft-global-setup.ts'],
          include: ['test/microsoft/**/*.test.ts'],
          setupFiles: ['./test/support/migrations.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'simulators',
          include: ['test/simulators/**/*.test.ts'],
          environment: 'node',
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          environment: 'node',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 200_000,
        },
      },
    ],
  },
})
