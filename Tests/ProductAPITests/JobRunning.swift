import Jobs
import ProductAPIRoutes
import TestKit

extension RunningAPI {
    /// Runs a job as a worker would.
    func run<Work: Job>(_ job: Work) async throws where Work.Dependencies == ProductAPI {
        let context = JobContext(
            id: JobID(),
            kind: Work.kind,
            queue: Work.queue,
            enqueuedAt: api.now(),
            now: api.now,
            logger: log.logger
        )
        _ = try await job.run(api, context)
    }
}
