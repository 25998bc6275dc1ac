// Pages Function: the UI's own origin answers /api by handing the request to the Worker over a service binding.
type PagesEnv = { API: Fetcher }

/** Passes method, headers and body through unchanged; the Worker sees the public URL. */
export const onRequest: PagesFunction<PagesEnv> = ({ request, env }) => env.API.fetch(request)
