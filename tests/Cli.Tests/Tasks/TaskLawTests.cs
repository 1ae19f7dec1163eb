using Edifice.Cli.Tasks;
using Edifice.Engine;
using Edifice.Engine.Ops;
using FsCheck.Xunit;

namespace Edifice.Cli.Tests.Tasks;

public class TaskLawTests
{
    private static (long[][] Tokens, long[][] Targets) Rows(ITask task, ulong seed, int batch = 8)
    {
        var drawn = task.Draw(new Generator(seed), batch);
        long[] tokens = drawn.Tokens.ToArray<long>(), targets = drawn.Targets.ToArray<long>();
        var width = targets.Length / batch;
        return (
            [.. Enumerable.Range(0, batch).Select(b => tokens[(b * task.Length)..((b + 1) * task.Length)])],
            [.. Enumerable.Range(0, batch).Select(b => targets[(b * width)..((b + 1) * width)])]);
    }

    [Property]
    public bool Recall_asks_for_every_key_once_and_wants_the_value_it_was_given(ulong seed, byte pairs, bool fill)
    {
        var n = 1 + pairs % 8;
        var task = new AssociativeRecall(OptionBag.Parse($$"""{"vocab": 96, "length": 64, "pairs": {{n}}, "random_fill": {{(fill ? "true" : "false")}}}"""));
        var (tokens, targets) = Rows(task, seed);
        for (var b = 0; b < tokens.Length; b++)
        {
            var values = new Dictionary<long, long>();
            for (var i = 0; i < n; i++) values.Add(tokens[b][2 * i], tokens[b][2 * i + 1]);
            if (values.Keys.Any(k => k is < 1 or >= 48) || values.Values.Any(v => v is < 48 or >= 96) || values.Values.Distinct().Count() != n) return false;
            var asked = Enumerable.Range(0, 64).Where(t => targets[b][t] != Sequences.NotScored).ToArray();
            if (asked.Length != n || asked.Any(t => t < 2 * n || t % 2 != 0)) return false;
            if (asked.Select(t => tokens[b][t]).Distinct().Count() != n) return false;
            if (asked.Any(t => targets[b][t] != values[tokens[b][t]])) return false;
            if (!fill && Enumerable.Range(2 * n, 64 - 2 * n).Any(t => targets[b][t] == Sequences.NotScored && tokens[b][t] != 0)) return false;
        }

        return true;
    }

    [Property]
    public bool Recall_of_several_numbers_of_pairs_draws_doublings_of_the_fewest_up_to_the_most(ulong seed)
    {
        var (_, targets) = Rows(new AssociativeRecall(OptionBag.Parse("""{"vocab": 96, "length": 64, "pairs": 15, "min_pairs": 3}""")), seed, batch: 64);
        return targets.Select(row => row.Count(t => t != Sequences.NotScored)).Distinct().Order().SequenceEqual([3, 6, 12]);
    }

    [Property]
    public bool Copying_wants_the_data_tokens_in_their_order_at_the_markers(ulong seed)
    {
        var task = new SelectiveCopy(OptionBag.Parse("""{"vocab": 10, "tokens": 5, "length": 20}"""));
        var (tokens, targets) = Rows(task, seed);
        return Enumerable.Range(0, tokens.Length).All(b =>
            tokens[b][..20].Where(t => t >= 2).SequenceEqual(targets[b][20..]) && tokens[b][20..].All(t => t == 1) &&
            tokens[b][..20].Count(t => t >= 2) == 5 && targets[b][..20].All(t => t == Sequences.NotScored));
    }

    [Property]
    public bool Induction_wants_what_followed_the_special_token_the_first_time(ulong seed, byte factor)
    {
        var task = new InductionHeads(OptionBag.Parse("""{"vocab": 6, "length": 12}""")).Longer(1 + factor % 16);
        var (tokens, targets) = Rows(task, seed);
        return Enumerable.Range(0, tokens.Length).All(b =>
        {
            var first = Array.IndexOf(tokens[b], 0L);
            return first < task.Length / 2 && tokens[b][^1] == 0 && tokens[b].Count(t => t == 0) == 2 &&
                targets[b][^1] == tokens[b][first + 1] && targets[b][..^1].All(t => t == Sequences.NotScored);
        });
    }

    [Property]
    public bool The_majority_token_is_the_only_most_frequent_one(ulong seed)
    {
        var task = new Majority(OptionBag.Parse("""{"vocab": 4, "length": 9}"""));
        var (tokens, targets) = Rows(task, seed);
        return Enumerable.Range(0, tokens.Length).All(b =>
        {
            var counts = Enumerable.Range(0, 4).Select(v => tokens[b].Count(t => t == v)).ToArray();
            return counts[targets[b][0]] == counts.Max() && counts.Count(c => c == counts.Max()) == 1;
        });
    }

    [Property]
    public bool Halves_match_exactly_when_the_answer_is_one_and_differ_in_one_token_otherwise(ulong seed)
    {
        var task = new HalvesMatch(OptionBag.Parse("""{"vocab": 3, "length": 10}"""));
        var (tokens, targets) = Rows(task, seed);
        return Enumerable.Range(0, tokens.Length).All(b =>
            Enumerable.Range(0, 5).Count(t => tokens[b][t] != tokens[b][5 + t]) == 1 - targets[b][0]);
    }

    [Property]
    public bool The_same_seed_draws_the_same_sequences(ulong seed, byte which)
    {
        var name = TaskCatalog.Names.ElementAt(which % TaskCatalog.Names.Count());
        var (a, b) = (TaskCatalog.Build(name, OptionBag.Empty), TaskCatalog.Build(name, OptionBag.Empty));
        return a.Draw(new Generator(seed), 3).Tokens.ToArray<long>().SequenceEqual(b.Draw(new Generator(seed), 3).Tokens.ToArray<long>());
    }

    [Theory]
    [InlineData("mqar", """{"length": 63}""", "even")]
    [InlineData("mqar", """{"pairs": 17}""", "length")]
    [InlineData("mqar", """{"pairs": 8, "min_pairs": 9}""", "min_pairs")]
    [InlineData("mqar", """{"vocab": 64}""", "vocabulary")]
    [InlineData("mqar", """{"power": "x"}""", "power")]
    [InlineData("copy", """{"tokens": 49}""", "fit")]
    [InlineData("induction", """{"vocab": 2}""", "vocabulary")]
    [InlineData("majority", """{"vocab": 1}""", "vocabulary")]
    [InlineData("match", """{"length": 7}""", "even")]
    [InlineData("nonsense", "{}", "mqar")]
    public void A_task_that_cannot_be_made_is_refused_with_the_reason(string task, string options, string reason) =>
        Assert.Contains(reason, Assert.Throws<TensorException>(() => TaskCatalog.Build(task, OptionBag.Parse(options))).Message, StringComparison.Ordinal);

    [Property]
    public bool Every_held_out_byte_is_scored_exactly_once(ushort size, byte length, byte batch)
    {
        int n = 400 + size % 3000, l = 1 + length % 60;
        var text = new byte[n];
        for (var i = 0; i < n; i++) text[i] = (byte)(i * 31 + i / 256);
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, text);
            var file = new TextFile(path, l);
            var scored = new List<long>();
            foreach (var b in file.HeldOutBatches(1 + batch % 7))
                scored.AddRange(b.Targets.ToArray<long>().Where(t => t != Sequences.NotScored));
            return file.HeldOut == n / 10 && scored.SequenceEqual(text[^file.HeldOut..].Select(x => (long)x));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Training_crops_never_reach_into_the_held_out_part()
    {
        var path = Path.GetTempFileName();
        try
        {
            var text = new byte[1000];
            text.AsSpan(900).Fill(255);
            File.WriteAllBytes(path, text);
            var file = new TextFile(path, 40);
            for (ulong seed = 0; seed < 200; seed++)
            {
                var batch = file.Draw(new Generator(seed), 16);
                Assert.DoesNotContain(255L, batch.Tokens.ToArray<long>());
                Assert.DoesNotContain(255L, batch.Targets.ToArray<long>());
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData(0, "empty")]
    [InlineData(30, "too few")]
    public void A_text_too_short_for_one_sequence_is_refused(int size, string reason)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, new byte[size]);
            Assert.Contains(reason, Assert.Throws<TensorException>(() => new TextFile(path, 64)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_missing_text_is_refused_by_name() =>
        Assert.Contains("no-such-file", Assert.Throws<TensorException>(() => new TextFile(Path.Combine(Path.GetTempPath(), "no-such-file"), 8)).Message, StringComparison.Ordinal);
}
