// Mantine's looks on the router's typed links.
import { Anchor, type AnchorProps, Button, type ButtonProps, NavLink, type NavLinkProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import type { AnchorHTMLAttributes, Ref } from 'react'

type Native = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'color' | 'style'> & { ref?: Ref<HTMLAnchorElement> }

export const ButtonLink = createLink((props: Omit<ButtonProps, 'color'> & Native & { color?: string }) => (
  <Button component="a" {...props} />
))
export const TextLink = createLink((props: Omit<AnchorProps, 'color'> & Native) => <Anchor component="a" {...props} />)
export const NavItem = createLink((props: Omit<NavLinkProps, 'color' | 'label'> & Native & { label?: string }) => (
  <NavLink component="a" {...props} />
))
