"""The audit of a judge: does it look at the video, and what besides the truth moves it? `audit_report(run)` reads a run."""

from analysis.audit.report import AuditReport, JudgeAudit, audit_report

__all__ = ["AuditReport", "JudgeAudit", "audit_report"]
