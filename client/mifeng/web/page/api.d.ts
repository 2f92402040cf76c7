// Made by scripts/page_types.py from the structs of mifeng.web.calls.

export interface AboutReply {
  version: string;
}

export interface AlarmFacts {
  at: number;
  rule: string;
  unit: string;
  message: string;
}

export interface AlarmsReply {
  alarms: AlarmFacts[];
}

export interface AnnounceReply {
  posted: number;
  left_out: LeftOutFacts[];
}

export interface AnnounceRequest {
  profile: string;
  unit: string;
  title: string;
  text: string;
  below: boolean;
}

export interface AnnouncementFacts {
  title: string;
  text: string;
  confirmed: ConfirmedFacts[];
  missing: PersonFacts[];
  asks_me: boolean;
  reminded_me: boolean;
}

export interface AnswerFacts {
  label: string;
  value: string;
}

export interface ApprovalFacts {
  template: string;
  title: string;
  answers: AnswerFacts[];
  steps: StepFacts[];
  step: number;
  standing: string;
  told: string;
  history: DecisionFacts[];
  waits_for_me: boolean;
  reminded_me: boolean;
}

export interface ApproveReply {
  is_in: boolean;
}

export interface ApproveRequest {
  profile: string;
  code: string;
}

export interface ArchiveFacts {
  name: string;
  since: number;
}

export interface BeginReply {
  profile: string;
  link: string;
}

export interface CardRequest {
  profile: string;
  name: string;
  title: string;
  department: string;
  picture?: string | null;
}

export interface ChangeFacts {
  at: number;
  told: string;
  author: PersonFacts;
}

export interface ChangesReply {
  changes: ChangeFacts[];
}

export interface ChoiceFacts {
  text: string;
  people: PersonFacts[];
}

export interface CloseRequest {
  profile: string;
  unit: string;
  delete: boolean;
}

export interface ConfirmedFacts {
  person: PersonFacts;
  at: number;
}

export interface CreateUnitReply {
  unit: string;
}

export interface CreateUnitRequest {
  profile: string;
  title: string;
  topic: string;
  kind: string;
  parent: string | null;
}

export interface DecideRequest {
  profile: string;
  unit: string;
  sequence: number;
  decision: string;
  comment: string;
}

export interface DecisionFacts {
  person: PersonFacts;
  verdict: string;
  comment: string;
  at: number;
}

export interface DepartureFacts {
  unit: string;
  title: string;
  is_pending: boolean;
  told: string;
  epoch: number;
}

export interface DeviceFacts {
  id: string;
  added_at: number;
  how: string;
  ended_at: number;
  is_this: boolean;
}

export interface DevicesReply {
  devices: DeviceFacts[];
}

export interface DirectRequest {
  profile: string;
  person: string;
}

export interface Done {

}

export interface DraftReply {
  text: string;
}

export interface EditRequest {
  profile: string;
  unit: string;
  sequence: number;
  text: string;
  mentions?: MentionFacts[];
}

export interface EnrolRequest {
  link: string;
  code: string;
  name: string;
  title: string;
  device: string;
  passphrase: string | null;
}

export interface EnrolStep {
  step: string;
  profile: string;
  link: string;
  code: string;
}

export interface ExportReply {
  name: string;
  content: string;
}

export interface ExportRequest {
  profile: string;
  mine: boolean;
}

export interface FeedReply {
  posts: MessageFacts[];
  followed: string[];
  muted: string[];
  more: boolean;
}

export interface FeedRequest {
  profile: string;
  before: number;
}

export interface FieldFacts {
  label: string;
  kind: string;
  required: boolean;
  choices: string[];
}

export interface FileFacts {
  id: string;
  name: string;
  size: number;
  kind: string;
  width: number;
  height: number;
  duration_ms: number;
  pages: number;
  thumbnail: string;
}

export interface FilesReply {
  entries: MessageFacts[];
}

export interface FindReply {
  hits: HitFacts[];
}

export interface FollowRequest {
  profile: string;
  unit: string;
  on: boolean;
}

export interface GrantReply {
  is_in: boolean;
  since: number;
}

export interface GrantRequest {
  profile: string;
  unit: string;
  person: string;
  role: string;
}

export interface HealthReply {
  server: string;
  is_online: boolean;
  answer_ms: number;
}

export interface HitFacts {
  unit: string | null;
  person: PersonFacts | null;
  message: MessageFacts | null;
}

export interface InviteFacts {
  id: string;
  role: string;
  state: string;
  expires_at: number;
  issued_by: PersonFacts;
}

export interface InviteReply {
  link: string;
  qr: string[];
  expires_at: number;
}

export interface InviteRequest {
  profile: string;
  role: string;
}

export interface InvitesReply {
  invites: InviteFacts[];
}

export interface KeepDraftRequest {
  profile: string;
  unit: string;
  thread: number;
  text: string;
}

export interface LeftOutFacts {
  title: string;
  reason: string;
}

export interface LinkFacts {
  kind: string;
  address: string;
  has_code: boolean;
}

export interface LookAtLinkRequest {
  link: string;
}

export interface MeFacts {
  me: PersonFacts;
  workspace: string;
  device: string;
  server: string;
  is_online: boolean;
  ended: string;
  warnings: string[];
  may_invite: boolean;
  may_create: string[];
}

export interface MemberFacts {
  person: PersonFacts;
  role: string;
  is_in: boolean | null;
  let_in_by: PersonFacts | null;
  since: number;
}

export interface MembersReply {
  members: MemberFacts[];
}

export interface MentionFacts {
  shown: string;
  person: string;
}

export interface MentionRequest {
  profile: string;
  unit: string;
  query: string;
}

export interface MessageFacts {
  unit: string;
  sequence: number;
  kind: string;
  at: number;
  until: number;
  sender: PersonFacts | null;
  text: string;
  files: FileFacts[];
  calls_me: boolean;
  reply_to: number;
  reply_by: string;
  reply_text: string;
  thread: number;
  answers: number;
  reactions: ReactionFacts[];
  is_edited: boolean;
  is_deleted: boolean;
  is_mine: boolean;
  announcement: AnnouncementFacts | null;
  poll: PollFacts | null;
  approval: ApprovalFacts | null;
  remarks: string[];
  problem: string;
  notice: string;
  added: PersonFacts[];
  removed: PersonFacts[];
}

export interface MuteRequest {
  profile: string;
  person: string;
  on: boolean;
}

export interface Nothing {

}

export interface OfDevice {
  profile: string;
  person: string;
  device: string;
}

export interface OfDraft {
  profile: string;
  unit: string;
  thread: number;
}

export interface OfFile {
  profile: string;
  unit: string;
  sequence: number;
  file: string;
}

export interface OfInvite {
  profile: string;
  invite: string;
}

export interface OfLine {
  profile: string;
  unit: string;
  sequence: number;
}

export interface OfMember {
  profile: string;
  unit: string;
  person: string;
}

export interface OfPerson {
  profile: string;
  person: string;
}

export interface OfProfile {
  profile: string;
}

export interface OfUnit {
  profile: string;
  unit: string;
}

export interface OfUnsent {
  profile: string;
  unit: string;
  number: number;
}

export interface OfUpload {
  profile: string;
  upload: string;
}

export interface OffboardingFacts {
  person: PersonFacts;
  removed_at: number;
  units: DepartureFacts[];
  out: number;
  pending: number;
  others: string;
  is_overdue: boolean;
}

export interface OffboardingsReply {
  removals: OffboardingFacts[];
}

export interface OfferReply {
  link: string;
  qr: string[];
}

export interface OfferedReply {
  name: string;
  system: string;
}

export interface PeopleReply {
  people: PersonFacts[];
}

export interface PeopleRequest {
  profile: string;
  query: string;
}

export interface PersonFacts {
  id: string;
  name: string;
  title: string;
  department: string;
  role: string;
  is_bot: boolean;
  picture: string;
}

export interface PersonReply {
  person: PersonFacts;
  safety_number: string;
  units: string[];
}

export interface PictureReply {
  picture: string;
}

export interface PolicyFacts {
  cap: number;
  key_lifetime_s: number;
  retention_s: number;
  posting: string;
  history: string;
  keep: string;
  strict: string;
  receipts: string;
  export: string;
}

export interface PolicyRequest {
  profile: string;
  unit: string;
  cap?: number | null;
  key_lifetime_s?: number | null;
  retention_s?: number | null;
  posting?: string | null;
  history?: string | null;
  keep?: string | null;
  strict?: string | null;
  receipts?: string | null;
  export?: string | null;
}

export interface PollFacts {
  question: string;
  choices: ChoiceFacts[];
  several: boolean;
  closes_at: number;
  is_open: boolean;
  voters: number;
  voted: number;
  mine: number[];
}

export interface PollRequest {
  profile: string;
  unit: string;
  question: string;
  choices: string[];
  several: boolean;
  closes_at: number;
}

export interface PostsReply {
  posts: MessageFacts[];
  is_muted: boolean;
}

export interface ProfileFacts {
  id: string;
  folder: string;
  state: string;
  needs_passphrase: boolean;
  problem: string;
  me: MeFacts | null;
}

export interface ReactRequest {
  profile: string;
  unit: string;
  sequence: number;
  emoji: string;
}

export interface ReactionFacts {
  emoji: string;
  people: PersonFacts[];
}

export interface ReadRequest {
  profile: string;
  unit: string;
  sequence: number;
}

export interface ReadersReply {
  people: PersonFacts[];
}

export interface RemoveRequest {
  profile: string;
  person: string;
}

export interface RenameRequest {
  profile: string;
  unit: string;
  title: string;
  topic: string;
}

export interface RequestRequest {
  profile: string;
  unit: string;
  template: string;
  title: string;
  fields: Record<string, string>;
  steps: StepRequest[];
  files?: string[];
}

export interface RequestsReply {
  waiting: MessageFacts[];
  mine: MessageFacts[];
}

export interface RoleRequest {
  profile: string;
  person: string;
  role: string;
}

export interface SafetyReply {
  number: string;
}

export interface SendReply {
  sequence: number;
}

export interface SendRequest {
  profile: string;
  unit: string;
  text: string;
  mentions?: MentionFacts[];
  reply_to?: number;
  thread?: number;
}

export interface SettingsRequest {
  language?: string | null;
  theme?: string | null;
  notify?: boolean | null;
  preview?: boolean | null;
  lock_after_min?: number | null;
}

export interface ShowReply {
  url: string;
  content_type: string;
}

export interface ShowRequest {
  profile: string;
  unit: string;
  sequence: number;
  file: string;
  save: boolean;
}

export interface StateReply {
  language: string;
  theme: string;
  notify: boolean;
  preview: boolean;
  lock_after_min: number;
  profiles: ProfileFacts[];
}

export interface StepFacts {
  rule: string;
  people: PersonFacts[];
  approved: PersonFacts[];
}

export interface StepRequest {
  rule: string;
  people: string[];
}

export interface TemplateFacts {
  name: string;
  words: Record<string, string>;
  fields: FieldFacts[];
}

export interface TemplateRequest {
  profile: string;
  unit: string;
  name: string;
  fields: FieldFacts[];
}

export interface TemplatesReply {
  templates: TemplateFacts[];
}

export interface ThreadReply {
  entries: MessageFacts[];
}

export interface TimelineReply {
  entries: MessageFacts[];
  more_before: boolean;
  more_after: boolean;
  waiting: MessageFacts[];
  unsent: UnsentFacts[];
}

export interface TimelineRequest {
  profile: string;
  unit: string;
  before?: number | null;
  after?: number | null;
  around?: number | null;
  at?: number | null;
}

export interface UnitFacts {
  id: string;
  depth: number;
  parent: string | null;
  title: string;
  topic: string;
  kind: string;
  role: string;
  is_member: boolean;
  members: number;
  unread: number;
  calls: number;
  asks: number;
  read: number;
  waiting: number;
  sequence: number;
  epoch: number;
  rotated_at: number;
  suite: number;
  problem: string;
  closed_by: string;
  archives: ArchiveFacts[];
  may_post: boolean;
  may_comment: boolean;
  may_answer: boolean;
  may_govern: boolean;
  may_rename: boolean;
  policy: PolicyFacts | null;
}

export interface UnitsReply {
  units: UnitFacts[];
}

export interface UnlockRequest {
  profile: string;
  passphrase: string | null;
}

export interface UnsentFacts {
  number: number;
  text: string;
  why: string;
}

export interface UploadFacts {
  id: string;
  unit: string;
  name: string;
  size: number;
  sent: number;
  state: string;
  problem: string;
}

export interface UploadsReply {
  uploads: UploadFacts[];
}

export interface VoteRequest {
  profile: string;
  unit: string;
  sequence: number;
  choices: number[];
}

export interface WordsReply {
  language: string;
  words: Record<string, string>;
}

export interface Calls {
  people: [PeopleRequest, PeopleReply];
  mentionable: [MentionRequest, PeopleReply];
  find: [PeopleRequest, FindReply];
  person: [OfPerson, PersonReply];
  workspace_number: [OfProfile, SafetyReply];
  set_card: [CardRequest, PersonFacts];
  picture: [OfPerson, PictureReply];
  devices: [OfPerson, DevicesReply];
  revoke_device: [OfDevice, Done];
  offer_device: [OfProfile, OfferReply];
  offered_device: [OfProfile, OfferedReply];
  approve_device: [ApproveRequest, ApproveReply];
  withdraw_device: [OfProfile, Done];
  feed: [FeedRequest, FeedReply];
  posts_of: [OfPerson, PostsReply];
  follow: [FollowRequest, Done];
  mute: [MuteRequest, Done];
  files: [OfUnit, FilesReply];
  show_file: [ShowRequest, ShowReply];
  readers: [OfFile, ReadersReply];
  keep_file: [OfFile, Done];
  uploads: [OfProfile, UploadsReply];
  pause_upload: [OfUpload, Done];
  resume_upload: [OfUpload, Done];
  cancel_upload: [OfUpload, Done];
  invite: [InviteRequest, InviteReply];
  invites: [OfProfile, InvitesReply];
  revoke_invite: [OfInvite, Done];
  remove: [RemoveRequest, OffboardingFacts];
  offboardings: [OfProfile, OffboardingsReply];
  set_role: [RoleRequest, Done];
  changes: [OfProfile, ChangesReply];
  alarms: [OfProfile, AlarmsReply];
  server_health: [OfProfile, HealthReply];
  state: [Nothing, StateReply];
  unlock: [UnlockRequest, Done];
  lock: [OfProfile, Done];
  active: [OfProfile, Done];
  begin: [Nothing, BeginReply];
  look_at_link: [LookAtLinkRequest, LinkFacts];
  enrol: [EnrolRequest, EnrolStep];
  enrol_next: [Nothing, EnrolStep];
  words: [Nothing, WordsReply];
  set_settings: [SettingsRequest, Done];
  about: [Nothing, AboutReply];
  timeline: [TimelineRequest, TimelineReply];
  thread: [OfLine, ThreadReply];
  send: [SendRequest, SendReply];
  send_again: [OfUnsent, Done];
  discard: [OfUnsent, Done];
  draft: [OfDraft, DraftReply];
  keep_draft: [KeepDraftRequest, Done];
  edit: [EditRequest, Done];
  delete: [OfLine, Done];
  react: [ReactRequest, Done];
  unreact: [ReactRequest, Done];
  units: [OfProfile, UnitsReply];
  members: [OfUnit, MembersReply];
  create_unit: [CreateUnitRequest, CreateUnitReply];
  direct: [DirectRequest, CreateUnitReply];
  set_policy: [PolicyRequest, Done];
  governed: [OfUnit, UnitFacts];
  rename_unit: [RenameRequest, Done];
  close_unit: [CloseRequest, Done];
  restart_unit: [OfUnit, Done];
  grant: [GrantRequest, GrantReply];
  revoke: [OfMember, Done];
  mark_read: [ReadRequest, Done];
  announce: [AnnounceRequest, AnnounceReply];
  confirm: [OfLine, Done];
  remind: [OfLine, Done];
  ask_poll: [PollRequest, Done];
  vote: [VoteRequest, Done];
  close_poll: [OfLine, Done];
  templates: [OfUnit, TemplatesReply];
  request_approval: [RequestRequest, Done];
  add_template: [TemplateRequest, Done];
  export_approval: [OfLine, ExportReply];
  export_requests: [ExportRequest, ExportReply];
  decide: [DecideRequest, Done];
  requests: [OfProfile, RequestsReply];
}
