// The pages a person sees on the way to a grant: whose account, what is allowed, who must be asked, and what went wrong.
import type { SimResponse } from '../shell/http.ts'
import { avatar, type Html, html, page } from '../shell/pages.ts'
import type { AdminRequest } from './entra-admin.ts'
import type { AuthorizationRequest } from './entra-authorize.ts'
import { described, type EntraRefusal, type Trace } from './entra-error.ts'
import { scopeText } from './entra-scopes.ts'
import type { Account, World } from './world.ts'

/** The account picker. The hinted account comes first; this Entra has no sessions, so it always asks. Nobody signs in as a shared mailbox. */
export function accountPage(world: World, request: AuthorizationRequest, problem?: string): SimResponse {
  const { loginHint, domainHint } = request
  const hinted = (account: Account) =>
    [account.email, account.userPrincipalName.toLowerCase()].includes(loginHint ?? '')
  const accounts = [...world.accounts.values()]
    .filter((account) => !account.shared && (!domainHint || account.email.endsWith(`@${domainHint}`)))
    .sort((one, other) => Number(hinted(other)) - Number(hinted(one)))
  const offered = accounts.some(hinted) ? '' : (loginHint ?? '')
  const content = html`<div class="card">
<h1>Pick an account</h1>
<p class="dim">to continue to <strong>${request.app.name}</strong></p>
${problem && html`<p class="warn" role="alert">${problem}</p>`}
<form action="${request.path}/consent">
<input type="hidden" name="request" value="${request.query}">
<ul class="rows">
${accounts.map(
  (account) => html`<li><button class="row" name="account" value="${account.email}">${avatar(account.name)}
<span class="grow"><span>${account.name}</span><span class="dim small">${account.userPrincipalName}</span></span>
${hinted(account) && html`<span class="tag">suggested</span>`}</button></li>`,
)}
</ul>
</form>
<details class="more"${(offered || problem) && html` open`}><summary>Use another account</summary>
<form method="post" action="${request.path}/account">
<input type="hidden" name="request" value="${request.query}">
<label>Email <input name="email" type="email" required autocomplete="off" value="${offered}"></label>
<label>Name (optional) <input name="name" autocomplete="off"></label>
<p class="dim small">An account with a new address is made on the spot; its domain becomes an organisation.</p>
<button class="button">Next</button>
</form></details>
</div>`
  return page('Sign in', content, { narrow: true, status: problem ? 400 : 200 })
}

const who = (request: AuthorizationRequest, account: Account): Html =>
  html`<div class="row">${avatar(account.name)}<span class="grow"><span>${account.name}</span><span class="dim small">${account.userPrincipalName}</span><a class="small" href="${request.path}?${request.query}">Switch account</a></span></div>`

const answers = (request: { query: string }, account?: Account): Html =>
  html`<input type="hidden" name="request" value="${request.query}">${account && html`<input type="hidden" name="account" value="${account.email}">`}`

/** All or nothing: Entra has no checkboxes. */
export function consentPage(request: AuthorizationRequest, account: Account): SimResponse {
  const content = html`<div class="card">
<h1>Permissions requested</h1>
${who(request, account)}
<p><strong>${request.app.name}</strong> would like to:</p>
<ul>${request.scopes.map((scope) => html`<li>${scopeText(scope)} <span class="dim small">${scope}</span></li>`)}</ul>
<form method="post" action="${request.path}/consent">
${answers(request, account)}
<div class="actions end">
<button class="button plain" name="decision" value="cancel">Cancel</button>
<button class="button" name="decision" value="accept">Accept</button>
</div>
</form>
</div>`
  return page('Permissions requested', content, { narrow: true })
}

/** Where people may not consent for themselves. */
export function approvalPage(request: AuthorizationRequest, account: Account): SimResponse {
  const content = html`<div class="card">
<h1>Need admin approval</h1>
${who(request, account)}
<p><strong>${request.app.name}</strong> needs permission to access resources in your organisation that only an administrator can grant. Please ask an administrator to grant permission to this app before you can use it.</p>
<form method="post" action="${request.path}/consent">
${answers(request, account)}
<div class="actions end"><button class="button plain" name="decision" value="cancel">Return to the application without granting consent</button></div>
</form>
</div>`
  return page('Need admin approval', content, { narrow: true })
}

/** What an administrator allows for a whole directory. */
export function adminConsentPage(world: World, request: AdminRequest): SimResponse {
  const { app, directory } = request
  const chosen = directory
    ? html`<p class="dim">for everybody in <strong>${directory.name}</strong> (${directory.domain})</p>`
    : html`<label>Organisation <select name="directory">${world
        .directories()
        .map(({ domain, name }) => html`<option value="${domain}">${name} (${domain})</option>`)}</select></label>`
  const content = html`<div class="card">
<h1>Permissions requested: review for your organisation</h1>
<p><strong>${app.name}</strong> would like to:</p>
<ul>${request.scopes.map((scope) => html`<li>${scopeText(scope)} <span class="dim small">${scope}</span></li>`)}
${app.roles.map((role) => html`<li>Use ${role} without a signed-in user <span class="dim small">application permission</span></li>`)}</ul>
<form method="post" action="${request.path}">
${answers(request)}
${chosen}
<div class="actions end">
<button class="button plain" name="decision" value="cancel">Cancel</button>
<button class="button" name="decision" value="accept">Accept</button>
</div>
</form>
</div>`
  return page('Review permissions', content, { narrow: true })
}

/** Entra's own error page: shown where the app or its redirect URI cannot be trusted with an answer. */
export function errorPage(refusal: EntraRefusal, trace: Trace): SimResponse {
  const content = html`<div class="card">
<h1>Sorry, but we’re having trouble signing you in.</h1>
<p class="warn">${described(refusal, trace)}</p>
</div>`
  return page('Sign in', content, { status: 400, narrow: true })
}
