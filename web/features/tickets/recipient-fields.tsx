// To, Cc and Bcc: addresses as pills, typed or pasted, wrong ones refused where they are typed.
import { Button, Group, TagsInput } from '@mantine/core'
import { useId, useState } from 'react'
import { HTTP_LIMITS } from '../../../worker/contract/limits'
import { isEmail } from '../../lib/form'
import classes from './composer.module.css'
import { addressesIn } from './recipients'

type Fields = { to: string[]; cc: string[]; bcc: string[] }
type Props = Fields & { onChange: (change: Partial<Fields>) => void }

export function RecipientFields({ to, cc, bcc, onChange }: Props) {
  const [shown, setShown] = useState({ cc: false, bcc: false })
  const showCc = shown.cc || cc.length > 0
  const showBcc = shown.bcc || bcc.length > 0
  return (
    <div className={classes.fields}>
      <AddressField name="To" value={to} onChange={(value) => onChange({ to: value })} />
      {showCc && <AddressField name="Cc" value={cc} onChange={(value) => onChange({ cc: value })} />}
      {showBcc && <AddressField name="Bcc" value={bcc} onChange={(value) => onChange({ bcc: value })} />}
      {!(showCc && showBcc) && (
        <Group gap={4} pl="2.5rem">
          {!showCc && (
            <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setShown({ ...shown, cc: true })}>
              Add Cc
            </Button>
          )}
          {!showBcc && (
            <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setShown({ ...shown, bcc: true })}>
              Add Bcc
            </Button>
          )}
        </Group>
      )}
    </div>
  )
}

function AddressField({ name, value, onChange }: { name: string; value: string[]; onChange: (v: string[]) => void }) {
  const id = useId()
  const [error, setError] = useState<string | null>(null)
  const change = (typed: string[]) => {
    const all = [...new Set(typed.flatMap(addressesIn))]
    const wrong = all.find((address) => !isEmail(address))
    setError(wrong ? `${wrong} is not an email address` : null)
    onChange(all.filter(isEmail))
  }
  return (
    <div className={classes.field}>
      <label htmlFor={id} className={classes.fieldName}>
        {name}
      </label>
      <TagsInput
        id={id}
        size="sm"
        flex={1}
        value={value}
        onChange={change}
        error={error}
        splitChars={[',', ';', ' ']}
        acceptValueOnBlur
        maxTags={HTTP_LIMITS.recipients}
        clearable={false}
      />
    </div>
  )
}
