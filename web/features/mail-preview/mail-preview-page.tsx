// Drop an .eml and see what Postroom would do with it.
import { Alert, Code, Group, List, Select, Stack, Text } from '@mantine/core'
import { Dropzone } from '@mantine/dropzone'
import '@mantine/dropzone/styles.layer.css'
import { IconAlertTriangle, IconMailSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { HTTP_LIMITS } from '../../../worker/contract/limits'
import type { PreviewAnswer } from '../../../worker/contract/preview'
import { TextLink } from '../../components/links'
import { Page } from '../../components/page'
import { Section } from '../../components/section'
import { EmptyState } from '../../components/states'
import { addressText, fileSize } from '../../lib/format'
import { messageOf } from '../../lib/http'
import { notifyError } from '../../lib/notify'
import { inboxesQuery } from '../inboxes/api'
import { DISPOSITION_LABEL, labelOf } from '../inboxes/ledger-words'
import { usePreview } from './api'

export function MailPreviewPage() {
  const inboxes = useQuery(inboxesQuery()).data
  const [chosen, setChosen] = useState<string | null>(null)
  const preview = usePreview()
  const inboxId = chosen ?? inboxes?.[0]?.id ?? null
  if (inboxes?.length === 0) {
    return (
      <Page title="Mail preview">
        <EmptyState icon={<IconMailSearch />} title="No inbox yet">
          A preview needs an inbox: what happens to a mail depends on where it arrives.
        </EmptyState>
      </Page>
    )
  }
  return (
    <Page title="Mail preview" width={820}>
      <Stack gap="md">
        <Text size="sm" c="dimmed">
          See what would become of a mail. Nothing is stored.
        </Text>
        <Select
          label="Arriving at"
          data={(inboxes ?? []).map((inbox) => ({ value: inbox.id, label: inbox.name }))}
          value={inboxId}
          onChange={setChosen}
          allowDeselect={false}
          maw={320}
        />
        <Dropzone
          multiple={false}
          maxSize={HTTP_LIMITS.preview}
          loading={preview.isPending}
          disabled={!inboxId}
          onDrop={([file]) => file && inboxId && preview.mutate({ file, inboxId })}
          onReject={() => notifyError(new Error(`A mail may have up to ${fileSize(HTTP_LIMITS.preview)}.`))}
          inputProps={{ 'aria-label': 'Mail file' }}
          aria-label="Choose a mail file"
        >
          <Group justify="center" p="xl" gap="sm">
            <IconMailSearch size={32} stroke={1.5} aria-hidden />
            <Text>Drop an .eml file here, or click to choose one</Text>
          </Group>
        </Dropzone>
        {preview.error && (
          <Alert color="red" role="alert">
            {messageOf(preview.error)}
          </Alert>
        )}
        {preview.data && <Outcome preview={preview.data} />}
      </Stack>
    </Page>
  )
}

function Outcome({ preview: { message, plan, warnings } }: { preview: PreviewAnswer }) {
  return (
    <div aria-live="polite">
      <Section title={labelOf(DISPOSITION_LABEL, plan.disposition)} lead={plan.reason}>
        <List size="sm" spacing={4}>
          {plan.evidence.map((line) => (
            <List.Item key={line}>{line}</List.Item>
          ))}
          {plan.ticketId && (
            <List.Item>
              <TextLink to="/tickets/$ticketId" params={{ ticketId: plan.ticketId }}>
                The ticket it joins
              </TextLink>
            </List.Item>
          )}
          <List.Item>
            {plan.automated.is
              ? `Written by a machine: ${plan.automated.rule ?? 'no rule named'}`
              : 'Written by a person'}
          </List.Item>
        </List>
        {warnings.length > 0 && (
          <Alert color="yellow" mt="sm" icon={<IconAlertTriangle />} title="What was odd about it">
            <List size="sm">
              {warnings.map((warning) => (
                <List.Item key={warning}>{warning}</List.Item>
              ))}
            </List>
          </Alert>
        )}
      </Section>
      <Section
        title={message.subject || '(no subject)'}
        lead={message.from ? addressText(message.from) : 'Sender unknown'}
      >
        <Code block mah={320}>
          {message.text || 'No text'}
        </Code>
        {message.attachments.length > 0 && (
          <List size="sm" mt="sm">
            {message.attachments.map((file, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: names repeat, and the list never changes
              <List.Item key={index}>
                {file.filename}, {fileSize(file.size)}
                {file.inline ? ', shown in the text' : ''}
                {file.decision === 'store' ? '' : `, ${file.decision.replaceAll('_', ' ')}`}
              </List.Item>
            ))}
          </List>
        )}
      </Section>
    </div>
  )
}
