/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`test/core/opening/visibility.test.ts > TAP > role × event field, before and after the roster > must match snapshot 1`] = `
OpeningCreated.who: tenderer, host, witness, supervisor, auditor
OpeningCreated.source: supervisor, auditor
OpeningCreated.act: supervisor, auditor
OpeningCreated.assignments: tenderer, host, witness, supervisor, auditor
DraftAmended.who: tenderer, host, witness, supervisor, auditor
DraftAmended.source: supervisor, auditor
DraftAmended.act: supervisor, auditor
RoleAssigned.who: tenderer, host, witness, supervisor, auditor
RoleAssigned.source: supervisor, auditor
RoleAssigned.act: supervisor, auditor
RoleAssigned.account: tenderer, host, witness, supervisor, auditor
RoleWithdrawn.who: tenderer, host, witness, supervisor, auditor
RoleWithdrawn.source: supervisor, auditor
RoleWithdrawn.act: supervisor, auditor
RoleWithdrawn.account: tenderer, host, witness, supervisor, auditor
RoleWithdrawn.reason: tenderer, host, witness, supervisor, auditor
OpeningPublished.who: tenderer, host, witness, supervisor, auditor
OpeningPublished.source: supervisor, auditor
OpeningPublished.act: supervisor, auditor
OpeningPostponed.who: tenderer, host, witness, supervisor, auditor
OpeningPostponed.source: supervisor, auditor
OpeningPostponed.act: supervisor, auditor
OpeningRescheduled.who: tenderer, host, witness, supervisor, auditor
OpeningRescheduled.source: supervisor, auditor
OpeningRescheduled.act: supervisor, auditor
BidsSealed.lodgements: bidder later, tenderer later, host later, witness later, supervisor later, auditor later, public later
BidsSealed.counts: bidder later, tenderer later, host later, witness later, supervisor later, auditor later, public later
TenderFailed.who: tenderer, host, witness, supervisor, auditor
TenderFailed.source: supervisor, auditor
TenderFailed.act: supervisor, auditor
TenderFailed.report: supervisor, auditor
RosterPublished.who: tenderer, host, witness, supervisor, auditor
RosterPublished.source: supervisor, auditor
RosterPublished.act: supervisor, auditor
RosterPublished.roster: bidder, tenderer, host, witness, supervisor, auditor, public
RosterPublished.numbers: bidder, tenderer, host, witness, supervisor, auditor
RosterPublished.certificates: supervisor, auditor
DrawingStarted.who: tenderer, host, witness, supervisor, auditor
DrawingStarted.source: supervisor, auditor
DrawingStarted.act: supervisor, auditor
ShareCommitted.who: tenderer, host, witness, supervisor, auditor
ShareCommitted.source: supervisor, auditor
ShareCommitted.act: supervisor, auditor
ShareLeftOut.who: tenderer, host, witness, supervisor, auditor
ShareLeftOut.source: supervisor, auditor
ShareLeftOut.act: supervisor, auditor
ShareRevealed.who: tenderer, host, witness, supervisor, auditor
ShareRevealed.source: supervisor, auditor
ShareRevealed.act: supervisor, auditor
DrawingVoidProposed.who: tenderer, host, witness, supervisor, auditor
DrawingVoidProposed.source: supervisor, auditor
DrawingVoidProposed.act: supervisor, auditor
DrawingVoidProposed.reason: bidder, tenderer, host, witness, supervisor, auditor, public
DrawingVoided.who: tenderer, host, witness, supervisor, auditor
DrawingVoided.source: supervisor, auditor
DrawingVoided.act: supervisor, auditor
DrawingVoided.reason: bidder, tenderer, host, witness, supervisor, auditor, public
WindowOpened.who: tenderer, host, witness, supervisor, auditor
WindowOpened.source: supervisor, auditor
WindowOpened.act: supervisor, auditor
WindowExtended.who: tenderer, host, witness, supervisor, auditor
WindowExtended.source: supervisor, auditor
WindowExtended.act: supervisor, auditor
ChallengeAcknowledged.who: tenderer, host, witness, supervisor, auditor
ChallengeAcknowledged.source: supervisor, auditor
ChallengeAcknowledged.act: supervisor, auditor
DecryptionReceived.who: tenderer, host, witness, supervisor, auditor
DecryptionReceived.source: supervisor, auditor
DecryptionReceived.act: supervisor, auditor
AttemptRefused.who: tenderer, host, witness, supervisor, auditor
AttemptRefused.source: supervisor, auditor
AttemptRefused.act: supervisor, auditor
WindowClosed.who: tenderer, host, witness, supervisor, auditor
WindowClosed.source: supervisor, auditor
WindowClosed.act: supervisor, auditor
HolderKeyOffered.who: tenderer, host, witness, supervisor, auditor
HolderKeyOffered.source: supervisor, auditor
HolderKeyOffered.act: supervisor, auditor
OpeningKeyDealt.who: tenderer, host, witness, supervisor, auditor
OpeningKeyDealt.source: supervisor, auditor
OpeningKeyDealt.act: supervisor, auditor
ShareAcknowledged.who: tenderer, host, witness, supervisor, auditor
ShareAcknowledged.source: supervisor, auditor
ShareAcknowledged.act: supervisor, auditor
LayerShareGiven.who: tenderer, host, witness, supervisor, auditor
LayerShareGiven.source: supervisor, auditor
LayerShareGiven.act: supervisor, auditor
LayerShareRefused.who: tenderer, host, witness, supervisor, auditor
LayerShareRefused.source: supervisor, auditor
LayerShareRefused.act: supervisor, auditor
LayerShareRefused.share: supervisor, auditor
RemedyOpened.who: tenderer, host, witness, supervisor, auditor
RemedyOpened.source: supervisor, auditor
RemedyOpened.act: supervisor, auditor
BackupReceived.who: tenderer, host, witness, supervisor, auditor
BackupReceived.source: supervisor, auditor
BackupReceived.act: supervisor, auditor
RulingGiven.who: tenderer, host, witness, supervisor, auditor
RulingGiven.source: supervisor, auditor
RulingGiven.act: supervisor, auditor
RulingGiven.reason: bidder, tenderer, host, witness, supervisor, auditor
BidRevoked.who: tenderer, host, witness, supervisor, auditor
BidRevoked.source: supervisor, auditor
BidRevoked.act: supervisor, auditor
BidRevoked.reason: bidder, tenderer, host, witness, supervisor, auditor
RulingContested.who: tenderer, host, witness, supervisor, auditor
RulingContested.source: supervisor, auditor
RulingContested.act: supervisor, auditor
RulingContested.reason: tenderer, host, witness, supervisor, auditor
PricesAnnounced.who: tenderer, host, witness, supervisor, auditor
PricesAnnounced.source: supervisor, auditor
PricesAnnounced.act: supervisor, auditor
PricesAnnounced.rows: bidder, tenderer, host, witness, supervisor, auditor, public
PricesAnnounced.numbers: bidder, tenderer, host, witness, supervisor, auditor, public
QuoteRoundStarted.who: tenderer, host, witness, supervisor, auditor
QuoteRoundStarted.source: supervisor, auditor
QuoteRoundStarted.act: supervisor, auditor
QuoteReceived.who: tenderer later, host later, witness later, supervisor later, auditor later
QuoteReceived.source: supervisor later, auditor later
QuoteReceived.act: supervisor later, auditor later
QuoteReceived.quoter: bidder later, tenderer later, host later, witness later, supervisor later, auditor later
QuoteReceived.sealed: supervisor later, auditor later
QuotesReleased.rows: bidder, tenderer, host, witness, supervisor, auditor, public
RecordIssued.who: tenderer, host, witness, supervisor, auditor
RecordIssued.source: supervisor, auditor
RecordIssued.act: supervisor, auditor
RecordIssued.record: bidder, tenderer, host, witness, supervisor, auditor, public
RecordIssued.publicRecord: bidder, tenderer, host, witness, supervisor, auditor, public
RecordSigned.who: tenderer, host, witness, supervisor, auditor
RecordSigned.source: supervisor, auditor
RecordSigned.act: supervisor, auditor
RecordRefused.who: tenderer, host, witness, supervisor, auditor
RecordRefused.source: supervisor, auditor
RecordRefused.act: supervisor, auditor
RecordRefused.reason: bidder, tenderer, host, witness, supervisor, auditor
CorrectionProposed.who: tenderer, host, witness, supervisor, auditor
CorrectionProposed.source: supervisor, auditor
CorrectionProposed.act: supervisor, auditor
CorrectionProposed.reason: bidder, tenderer, host, witness, supervisor, auditor
CorrectionMade.who: tenderer, host, witness, supervisor, auditor
CorrectionMade.source: supervisor, auditor
CorrectionMade.act: supervisor, auditor
ErasureProposed.who: tenderer, host, witness, supervisor, auditor
ErasureProposed.source: supervisor, auditor
ErasureProposed.act: supervisor, auditor
ErasureProposed.reason: supervisor, auditor
Erased.who: tenderer, host, witness, supervisor, auditor
Erased.source: supervisor, auditor
Erased.act: supervisor, auditor
PointAcknowledged.who: tenderer, host, witness, supervisor, auditor
PointAcknowledged.source: supervisor, auditor
PointAcknowledged.act: supervisor, auditor
PointAcknowledged.note: tenderer, host, witness, supervisor, auditor
Said.who: tenderer, host, witness, supervisor, auditor
Said.source: supervisor, auditor
Said.act: supervisor, auditor
Said.text: bidder, tenderer, host, witness, supervisor, auditor, public
SaidInPrivate.who: tenderer, host, witness, supervisor, auditor
SaidInPrivate.source: supervisor, auditor
SaidInPrivate.act: supervisor, auditor
SaidInPrivate.text: tenderer, host
Muted.who: tenderer, host, witness, supervisor, auditor
Muted.source: supervisor, auditor
Muted.act: supervisor, auditor
Muted.reason: bidder, tenderer, host, witness, supervisor, auditor
Unmuted.who: tenderer, host, witness, supervisor, auditor
Unmuted.source: supervisor, auditor
Unmuted.act: supervisor, auditor
NoticeGiven.who: tenderer, host, witness, supervisor, auditor
NoticeGiven.source: supervisor, auditor
NoticeGiven.act: supervisor, auditor
NoticeGiven.text: bidder, tenderer, host, witness, supervisor, auditor, public
NoticeAcknowledged.who: tenderer, host, witness, supervisor, auditor
NoticeAcknowledged.source: supervisor, auditor
NoticeAcknowledged.act: supervisor, auditor
ObjectionRaised.who: tenderer later, host later, witness later, supervisor, auditor
ObjectionRaised.source: supervisor, auditor
ObjectionRaised.act: supervisor, auditor
ObjectionRaised.text: bidder later, tenderer, host, witness, supervisor, auditor
ObjectionAnswered.who: tenderer, host, witness, supervisor, auditor
ObjectionAnswered.source: supervisor, auditor
ObjectionAnswered.act: supervisor, auditor
ObjectionAnswered.text: bidder later, tenderer, host, witness, supervisor, auditor
AnswerDisputed.who: tenderer later, host later, witness later, supervisor, auditor
AnswerDisputed.source: supervisor, auditor
AnswerDisputed.act: supervisor, auditor
AnswerDisputed.reason: bidder later, tenderer, host, witness, supervisor, auditor
CloseProposed.who: tenderer, host, witness, supervisor, auditor
CloseProposed.source: supervisor, auditor
CloseProposed.act: supervisor, auditor
OpeningClosed.who: tenderer, host, witness, supervisor, auditor
OpeningClosed.source: supervisor, auditor
OpeningClosed.act: supervisor, auditor
ReviewOpened.who: tenderer, host, witness, supervisor, auditor
ReviewOpened.source: supervisor, auditor
ReviewOpened.act: supervisor, auditor
HandedOver.who: tenderer, host, witness, supervisor, auditor
HandedOver.source: supervisor, auditor
HandedOver.act: supervisor, auditor
HandedOver.manifest: tenderer, host, witness, supervisor, auditor
OpeningArchived.counts: supervisor, auditor
OpeningSuspended.who: tenderer, host, witness, supervisor, auditor
OpeningSuspended.source: supervisor, auditor
OpeningSuspended.act: supervisor, auditor
SuspensionRequested.who: tenderer, host, witness, supervisor, auditor
SuspensionRequested.source: supervisor, auditor
SuspensionRequested.act: supervisor, auditor
SuspensionRequested.reason: tenderer, host, witness, supervisor, auditor
ResumeProposed.who: tenderer, host, witness, supervisor, auditor
ResumeProposed.source: supervisor, auditor
ResumeProposed.act: supervisor, auditor
OpeningResumed.who: tenderer, host, witness, supervisor, auditor
OpeningResumed.source: supervisor, auditor
OpeningResumed.act: supervisor, auditor
OpeningResumed.reason: bidder, tenderer, host, witness, supervisor, auditor
AbortProposed.who: tenderer, host, witness, supervisor, auditor
AbortProposed.source: supervisor, auditor
AbortProposed.act: supervisor, auditor
OpeningAborted.who: tenderer, host, witness, supervisor, auditor
OpeningAborted.source: supervisor, auditor
OpeningAborted.act: supervisor, auditor
OpeningAborted.report: supervisor, auditor
`
