// The consent link of whichever app serves email; nothing for those who may not see it, or where there is no app.
import { useQuery } from '@tanstack/react-query'
import { useMay } from '../session/session-context'
import { bindingsQuery } from './api'
import { ConsentLink } from './consent-link'

export function EmailConsentLink() {
  const mayManage = useMay('microsoft:manage')
  const bindings = useQuery({ ...bindingsQuery, enabled: mayManage })
  const url = bindings.data?.find(({ consumer }) => consumer === 'email')?.adminConsentUrl
  return url ? <ConsentLink url={url} /> : null
}
