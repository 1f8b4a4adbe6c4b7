"""What report.md says of its figures, whatever they are."""

INTERVALS = """\
95 % intervals of these means, and the number of splits on which the method is worse
(or does not reach what the reference reaches). Splits of the same records share rows;
the intervals allow for that (corrected resampled t of Nadeau and Bengio, 2003: variance
s²(1/n + test/train)). They speak of these records, not of others."""

NOTES = """\
- *Accuracy* is the mean score over held-out queries (*macro*: over the collections,
  each with the same say); *cost* is USD per query, shown for 1,000.
- *Cost to match best*: cheapest setting that is at least as accurate as the best single
  model, as a share of that model's cost; *cost for 90 %*: the same for 90 % of its
  accuracy. Nothing is interpolated. *CostSave* = 1 − cost to match best.
- *PerfGain* = accuracy at the best α / accuracy of the best single model − 1.
- The best α, and the cheapest setting that matches, are looked for on the held-out
  queries themselves, on each split anew; the best single model is chosen on training
  rows. So max accuracy, PerfGain, cost to match and CostSave flatter whatever has many
  settings, the more so the fewer queries are held out: of records that are pure chance
  they claim a gain. The table by α does not: there a setting is the same on all splits.
- *Against best single*: accuracy less that of the best single model on the same rows,
  with the 95 % interval of its mean over the splits (as for differences to the
  reference). One that holds 0 shows neither a gain nor a loss. There are as many
  intervals as α: the one that looks best of them is a little flattered.
- *AIQ*: average accuracy under the non-decreasing concave hull, from the cheapest to
  the most expensive single model, over linear or logarithmic cost.
- *Pareto distance*: how far the method's own front lies from the common front of all
  methods (without the oracle) and single models. Mean over the points p of its front of
  min over f of √(max(0, a_f − a_p)² + max(0, c_p − c_f)²), f on the common front,
  accuracy a and cost c divided by their ranges over the single models; 0 = on it.
- *as-served* is the policy (`calibrated`, or the artifact's) as a service applies it: a
  query that is farther from every cluster than 99 % of the training queries were (or
  as `fit --ood-quantile` said) is decided by the profile of all of them. The other
  methods are compared without that rule.
- *best-single* and *cheapest* are chosen on the training rows of each split; *random*
  draws any model; *mix-of-two* draws between neighbours on the hull of the single
  models; *oracle* sees the scores and takes the cheapest correct model: a bound, not a
  method."""

PUBLISHED = """\
*Published* points are the paper's own (other queries, other models): its average over
six benchmarks, and its evaluation cost in USD divided by the 2,603 queries of those
benchmarks. Its table does not say whether the cost is that of all queries or of the
30 % held out; were it the latter, each point would lie at 1 / 0.3 of the cost drawn."""
