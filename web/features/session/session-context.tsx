// The verified session of the screens behind sign-in.
import { createContext, useContext } from 'react'
import type { SessionAnswer } from '../../../worker/contract/auth'
import type { Permission } from '../../../worker/contract/permissions'
import { allows } from './api'

const SessionContext = createContext<SessionAnswer | null>(null)
export const SessionProvider = SessionContext.Provider

/** The session; only for screens below the app layout. */
export function useSession(): SessionAnswer {
  const session = useContext(SessionContext)
  if (!session) throw new Error('useSession outside of the app layout')
  return session
}

/** Whether the person may do this. */
export function useMay(permission: Permission): boolean {
  return allows(useSession(), permission)
}
