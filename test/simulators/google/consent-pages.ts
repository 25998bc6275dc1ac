// The pages a person sees on the way to a grant: whose account, what is allowed, and what went wrong.
import type { SimResponse } from '../shell/http.ts'
import { avatar, html, page } from '../shell/pages.ts'
import type { AuthorizationRequest, BadAuthorization } from './authorize.ts'
import { isBasicScope, scopeText } from './scopes.ts'
import type { Account, World } from './world.ts'

const AUTH = '/o/oauth2/v2/auth'

/** The account picker. The hinted account comes first; this Google has no sessions, so it always asks. */
export function accountPage(world: World, request: AuthorizationRequest, problem?: string): SimResponse {
  const domain = request.hostedDomain
  const accounts = [...world.accounts.values()]
    .filter((account) => !domain || domain === '*' || account.email.endsWith(`@${domain}`))
    .sort((one, other) => Number(other.email === request.loginHint) - Number(one.email === request.loginHint))
  const known = accounts.some((account) => account.email === request.loginHint)
  const offered = known ? '' : (request.loginHint ?? '')
  const content = html`<div class="card">
<h1>Choose an account</h1>
<p class="dim">to continue to <strong>${clientHost(request)}</strong></p>
${problem && html`<p class="warn" role="alert">${problem}</p>`}
<form action="${AUTH}/consent">
<input type="hidden" name="request" value="${request.query}">
<ul class="rows">
${accounts.map(
  (account) => html`<li><button class="row" name="account" value="${account.email}">${avatar(account.name)}
<span class="grow"><span>${account.name}</span><span class="dim small">${account.email}</span></span>
${account.email === request.loginHint && html`<span class="tag">suggested</span>`}</button></li>`,
)}
</ul>
</form>
<details class="more"${(offered || problem) && html` open`}><summary>Use another account</summary>
<form method="post" action="${AUTH}/account">
<input type="hidden" name="request" value="${request.query}">
<label>Email <input name="email" type="email" required autocomplete="off" value="${offered}"></label>
<label>Name (optional) <input name="name" autocomplete="off"></label>
<p class="dim small">An account with a new address is made on the spot.</p>
<button class="button">Next</button>
</form></details>
</div>`
  return page('Choose an account', content, { narrow: true, status: problem ? 400 : 200 })
}

/** Granular consent: one checkbox for each scope beyond the basic ones. */
export function consentPage(request: AuthorizationRequest, account: Account, asked: readonly string[]): SimResponse {
  const basic = asked.filter(isBasicScope)
  const granular = asked.filter((scope) => !isBasicScope(scope))
  const content = html`<div class="card">
<h1>${clientHost(request)} wants access to your Google Account</h1>
<div class="row">${avatar(account.name)}<span class="grow"><span>${account.name}</span><span class="dim small">${account.email}</span><a class="small" href="${AUTH}?${request.query}">Switch account</a></span></div>
<form method="post" action="${AUTH}/consent">
<input type="hidden" name="request" value="${request.query}">
<input type="hidden" name="account" value="${account.email}">
${
  basic.length > 0 &&
  html`<p>By signing in, ${clientHost(request)} will be able to:</p><ul>${basic.map((scope) => html`<li>${scopeText(scope)}</li>`)}</ul>`
}
${granular.length > 0 && html`<p>Select what ${clientHost(request)} can access:</p>`}
<ul class="rows">
${granular.map(
  (scope) => html`<li><label class="check"><input type="checkbox" name="scope" value="${scope}" checked>
<span class="grow"><span>${scopeText(scope)}</span><span class="dim small">${scope}</span></span></label></li>`,
)}
</ul>
<div class="actions end">
<button class="button plain" name="decision" value="deny">Cancel</button>
<button class="button" name="decision" value="allow">Continue</button>
</div>
</form>
</div>`
  return page('Allow access', content, { narrow: true })
}

/** Google's own error page: shown when the client or its redirect URI cannot be trusted with an answer. */
export function errorPage(error: BadAuthorization): SimResponse {
  const content = html`<div class="card">
<h1>Access blocked</h1>
<p class="warn">Error ${error.status}: ${error.error}</p>
<p>${error.message}</p>
</div>`
  return page('Access blocked', content, { status: error.status, narrow: true })
}

function clientHost(request: AuthorizationRequest): string {
  return new URL(request.redirectUri).host
}
