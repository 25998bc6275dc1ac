declare namespace Cloudflare {
  interface Env {
    TEST_MIGRATIONS: import('cloudflare:test').D1Migration[]
    AUTH_SECRET: string
    ENCRYPTION_KEYS: string
    OPERATOR_TOKEN: string
    APP_URL: string
  }
}
