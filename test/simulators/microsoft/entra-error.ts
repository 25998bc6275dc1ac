// What Entra refuses with: AADSTS codes, their words, and the shape of the token endpoint's answer.
import { randomUUID } from 'node:crypto'
import type { SimRequest, SimResponse } from '../shell/http.ts'

/** `{}` in a text is filled with the details in their order. */
const CODES: Record<number, { error: string; text: string; status?: number; suberror?: string }> = {
  50011: {
    error: 'invalid_request',
    text: "The redirect URI '{}' specified in the request does not match the redirect URIs configured for the application '{}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this.",
  },
  50020: {
    error: 'invalid_grant',
    text: "User account '{}' from identity provider 'https://sts.windows.net/' does not exist in tenant '{}' and cannot access the application '{}' in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different Azure Active Directory user account.",
  },
  50057: { error: 'invalid_grant', text: 'The user account is disabled.' },
  50058: {
    error: 'login_required',
    text: 'A silent sign-in request was sent but no user is signed in. The cookies used to represent the user’s session were not sent in the request to Azure AD.',
  },
  50059: {
    error: 'invalid_request',
    text: 'No tenant-identifying information found in either the request or implied by any provided credentials.',
  },
  50076: {
    error: 'interaction_required',
    text: "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.",
    suberror: 'basic_action',
  },
  50079: {
    error: 'interaction_required',
    text: "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.",
    suberror: 'basic_action',
  },
  50173: {
    error: 'invalid_grant',
    text: 'The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.',
    suberror: 'bad_token',
  },
  50194: {
    error: 'invalid_request',
    text: "Application '{}'({}) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.",
  },
  50105: {
    error: 'interaction_required',
    text: "Your administrator has configured the application {} to block users unless they are specifically granted ('assigned') access to the application.",
  },
  53000: {
    error: 'interaction_required',
    text: 'Your device is required to be compliant to access this resource.',
    suberror: 'message_only',
  },
  53003: {
    error: 'interaction_required',
    text: 'Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.',
    suberror: 'message_only',
  },
  54005: {
    error: 'invalid_grant',
    text: 'OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.',
  },
  65001: {
    error: 'invalid_grant',
    text: "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive authorization request for this user and resource.",
    suberror: 'consent_required',
  },
  65004: { error: 'access_denied', text: 'User declined to consent to access the app.' },
  70000: { error: 'invalid_grant', text: 'Provided grant is invalid or malformed.' },
  70003: { error: 'unsupported_grant_type', text: "The app requested an unsupported grant type '{}'." },
  70008: {
    error: 'invalid_grant',
    text: 'The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.',
  },
  70011: {
    error: 'invalid_scope',
    text: "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {} is not valid.",
  },
  90002: {
    error: 'invalid_request',
    text: "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
  },
  90014: {
    error: 'invalid_request',
    text: "The required field '{}' is missing from the credential. Ensure that you have all the necessary parameters for the login request.",
  },
  90023: { error: 'invalid_request', text: "Invalid request parameter '{}'." },
  90033: { error: 'temporarily_unavailable', text: 'A transient error has occurred. Please try again.', status: 503 },
  90094: {
    error: 'access_denied',
    text: 'An administrator of {} has set a policy that prevents you from granting {} the permissions it is requesting. Contact an administrator, who can grant permissions to this app on your behalf.',
  },
  500112: {
    error: 'invalid_client',
    text: "The reply address '{}' does not match the reply address '{}' provided when requesting Authorization code.",
    status: 401,
  },
  501481: {
    error: 'invalid_grant',
    text: 'The Code_Verifier does not match the code_challenge supplied in the authorization request.',
  },
  650053: {
    error: 'invalid_client',
    text: "The application '{}' asked for scope '{}' that doesn't exist on the resource '00000003-0000-0000-c000-000000000000'. Contact the app vendor.",
  },
  700016: {
    error: 'unauthorized_client',
    text: "Application with identifier '{}' was not found in the directory '{}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
  },
  700082: {
    error: 'invalid_grant',
    text: 'The refresh token has expired due to inactivity. The token was issued on {} and was inactive for 90.00:00:00.',
    suberror: 'token_expired',
  },
  700084: {
    error: 'invalid_grant',
    text: 'The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page.',
    suberror: 'token_expired',
  },
  900144: { error: 'invalid_request', text: "The request body must contain the following parameter: '{}'." },
  1002012: {
    error: 'invalid_scope',
    text: 'The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).',
  },
  7000215: {
    error: 'invalid_client',
    text: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
    status: 401,
  },
  7000218: {
    error: 'invalid_client',
    text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    status: 401,
  },
  7000222: {
    error: 'invalid_client',
    text: "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
    status: 401,
  },
  9002313: { error: 'invalid_grant', text: 'Invalid request. Request is malformed or invalid.' },
  9002346: {
    error: 'invalid_request',
    text: 'The application is configured for use by Azure Active Directory users only. Please do not use the /consumers endpoint to serve this request.',
  },
}

/** A refusal by its AADSTS number; `details` are what the service puts into its words. */
export class EntraRefusal extends Error {
  readonly code: number
  readonly error: string
  readonly status: number
  readonly suberror: string | undefined
  constructor(code: number, ...details: string[]) {
    const known = CODES[code]
    if (!known) throw new Error(`AADSTS${code} is not among those this simulator knows`)
    const rest = [...details]
    super(`AADSTS${code}: ${known.text.replace(/\{\}/g, () => rest.shift() ?? '')}`)
    this.code = code
    this.error = known.error
    this.status = known.status ?? 400
    this.suberror = known.suberror
  }
}

/** All AADSTS numbers there are here. */
export const KNOWN_CODES: readonly number[] = Object.keys(CODES).map(Number)

/** The token endpoint's answer to a refused request; `now` in ms. The caller's `client-request-id` is the correlation id. */
export function refusalAnswer(refusal: EntraRefusal, request: SimRequest, now: number): SimResponse {
  const ids = traceOf(request, now)
  return {
    status: refusal.status,
    headers: { 'x-ms-request-id': ids.trace, 'x-ms-ests-server': 'simulator', pragma: 'no-cache' },
    body: {
      error: refusal.error,
      error_description: described(refusal, ids),
      error_codes: [refusal.code],
      timestamp: ids.timestamp,
      trace_id: ids.trace,
      correlation_id: ids.correlation,
      error_uri: `${request.url.origin}/error?code=${refusal.code}`,
      ...(refusal.suberror ? { suberror: refusal.suberror } : {}),
    },
  }
}

export type Trace = { trace: string; correlation: string; timestamp: string }

export function traceOf({ headers, url }: Pick<SimRequest, 'headers' | 'url'>, now: number): Trace {
  const asked = headers['client-request-id'] ?? url.searchParams.get('client-request-id')
  const correlation = typeof asked === 'string' && /^[0-9a-f-]{36}$/i.test(asked) ? asked : randomUUID()
  const timestamp = new Date(now).toISOString().replace('T', ' ').replace(/\.\d+/, '')
  return { trace: randomUUID(), correlation, timestamp }
}

/** The words with the ids that support asks for. */
export function described(refusal: EntraRefusal, { trace, correlation, timestamp }: Trace): string {
  return `${refusal.message} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`
}
