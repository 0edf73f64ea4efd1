import Domain
import Foundation

// What a worker does with one job, step by step; between two steps it may die or freeze.

extension Simulation {
    func startJob(_ subject: Int, _ event: RenewalEvent) {
        guard let worker = workers.firstIndex(where: { !$0.isBusy }) else {
            return agenda.add(.job(subject, event), at: now + 5 + chance.share() * 10)
        }
        // A doubled job leaves the next one alone, as the queue's unique keys do.
        if case .wake = event, let queued = subjects[subject].queuedAt, queued <= now {
            subjects[subject].queuedAt = nil
        }
        let commands = commit(event, of: subject)
        for command in commands {
            switch command {
            case .send(let key, let fence):
                next(.send(key, fence: fence, committedAt: now), of: subject, worker, in: 0.01)
            case .lookUp(let key, let fence):
                next(.lookUp(key, fence: fence), of: subject, worker, in: 0.01)
            case .tell, .alarm: break
            }
        }
    }

    private func next(_ step: Step, of subject: Int, _ worker: Int, in wait: Double) {
        workers[worker].isBusy = true
        var wait = wait
        if paypal.fails, chance.hits(0.01) {
            // A paused machine or a stopped process: the queue gives its job to another meanwhile.
            wait += chance.one(of: [30, 150, 3 * Self.hour, 8 * Self.hour, 30 * Self.hour])
            enqueue(subject, at: now + 35)
        }
        agenda.add(.step(worker: worker, life: workers[worker].life, subject: subject, step), at: now + wait)
    }

    func take(_ step: Step, of subject: Int, _ worker: Int, _ life: Int) {
        guard workers[worker].life == life else { return }
        if paypal.fails, chance.hits(0.03) { return die(worker, with: subject) }
        switch step {
        case .send(let key, let fence, let committedAt): send(key, fence, committedAt, of: subject, worker)
        case .capture(let key, let fence, let order, let committedAt):
            capture(key, fence, order, committedAt, of: subject, worker)
        case .lookUp(let key, let fence): lookUp(key, fence, of: subject, worker)
        case .write(let event):
            commit(event, of: subject)
            workers[worker].isBusy = false
        }
    }

    /// kill -9: what it had in memory is gone, its job comes back when the lease has run out.
    private func die(_ worker: Int, with subject: Int) {
        workers[worker].life += 1
        workers[worker].isBusy = true
        agenda.add(.restart(worker), at: now + chance.one(of: [1, 5, 60, 900]))
        enqueue(subject, at: now + 35)
    }

    private func send(_ key: ChargeAttempt.Key, _ fence: Int, _ committedAt: Double, of subject: Int, _ worker: Int) {
        guard reducer.maySend(after: now - committedAt), let attempt = subjects[subject].state.attempt(key) else {
            return next(.write(.answered(key, fence: fence, .notDone(retryAfter: 60))), of: subject, worker, in: 0.01)
        }
        if attempt.form == .twoStep, let order = attempt.orderID {
            return capture(key, fence, order, committedAt, of: subject, worker)
        }
        let request = request(attempt, of: subject)
        judgeAge(attempt, of: subject)
        guard attempt.form == .twoStep else {
            let answer = paypal.charge(request, at: now, &chance)
            sendWebhooks()
            return next(.write(.answered(key, fence: fence, answer)), of: subject, worker, in: latency(answer))
        }
        let (order, failure) = paypal.makeOrder(request, at: now, &chance)
        guard let order else {
            let answer = failure ?? .unknown(order: nil)
            return next(.write(.answered(key, fence: fence, answer)), of: subject, worker, in: latency(answer))
        }
        commit(.ordered(key, fence: fence, order: order), of: subject)
        next(
            .capture(key, fence: fence, order: order, committedAt: committedAt),
            of: subject,
            worker,
            in: 0.3
        )
    }

    private func capture(
        _ key: ChargeAttempt.Key,
        _ fence: Int,
        _ order: String,
        _ committedAt: Double,
        of subject: Int,
        _ worker: Int
    ) {
        guard reducer.maySend(after: now - committedAt) else {
            return next(.write(.answered(key, fence: fence, .notDone(retryAfter: 60))), of: subject, worker, in: 0.01)
        }
        let answer = paypal.capture(order, at: now, &chance)
        sendWebhooks()
        next(.write(.answered(key, fence: fence, answer)), of: subject, worker, in: latency(answer))
    }

    private func lookUp(_ key: ChargeAttempt.Key, _ fence: Int, of subject: Int, _ worker: Int) {
        let order = subjects[subject].state.attempt(key)?.orderID
        let finding = paypal.look(key, of: subject, order: order, at: now, &chance)
        next(.write(.lookedUp(key, fence: fence, finding)), of: subject, worker, in: 0.3)
    }

    private func latency(_ answer: ChargeAnswer) -> Double {
        if case .unknown = answer { return chance.hits(0.5) ? 30 : 0.3 }
        return 0.3
    }

    private func request(_ attempt: ChargeAttempt, of subject: Int) -> ModelPayPal.Request {
        let names = ChargeNames(environment: "model", subscription: "\(subject)")
        return ModelPayPal.Request(
            id: names.requestID(attempt, rules: reducer.rules),
            subscription: subject,
            key: attempt.key,
            refusal: subjects[subject].refusal,
            refusesForGood: subjects[subject].refusesForGood
        )
    }

    /// Asked again when PayPal may have forgotten the id: wrong even where it does no harm.
    private func judgeAge(_ attempt: ChargeAttempt, of subject: Int) {
        guard attempt.form == .oneStep, let first = attempt.firstSentAt else { return }
        if now - Self.time(first) >= ModelPayPal.memory {
            note("I8 \(attempt.key) of \(subject) was sent \(Int(now - Self.time(first))) s after the first time")
        }
    }

    func note(_ violation: String) {
        if violations.count < 50 { violations.append(violation) }
    }
}
