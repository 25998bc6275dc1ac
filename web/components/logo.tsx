// The mark of Postroom, as in public/favicon.svg.
export function Logo({ size = 24 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#17745f" />
      <path d="M7 12.5 16 18l9-5.5V22a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2z" fill="#fff" />
      <path d="M9 8h14a2 2 0 0 1 2 2v.3l-9 5.6-9-5.6V10a2 2 0 0 1 2-2z" fill="#a5d9cc" />
    </svg>
  )
}
