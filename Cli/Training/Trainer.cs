using System.Diagnostics;
using Edifice.Attention;
using Edifice.Cli.Tasks;
using Edifice.Engine;
using Edifice.Engine.Autograd;
using Edifice.Nn;

namespace Edifice.Cli.Training;

/// <summary>How a run stands, for displays.</summary>
internal readonly record struct TrainingProgress(int Step, int Steps, double Loss, double Score, double TokensPerSecond, TimeSpan Remaining);

/// <summary>What a run ended with.</summary>
/// <param name="Score">Accuracy, or bits per byte.</param>
/// <param name="StepMilliseconds">Median over the steps of this process.</param>
internal sealed record Outcome(int Step, bool Finished, double EvalLoss, double Score, double StepMilliseconds);

/// <summary>Trains a model on a task: AdamW, warm-up and cosine, clipped norm, averaged weights; evaluates and saves at
/// fixed steps.</summary>
/// <remarks>The batch of a step is drawn from a generator made of the seed and the step alone, and dropout from the thread's stream,
/// which the checkpoint holds: a run that was killed and resumed ends with the same weights, bit for bit, as one that was
/// not.</remarks>
internal sealed class Trainer
{
    private const ulong TrainStream = 0x7261696E, TestStream = 0x74657374;

    private readonly RunConfig _config;
    private readonly ITask _task;
    private readonly TrainedModel _model;
    private readonly Optimizer _optimizer;
    private readonly LearningRateSchedule _schedule;
    private readonly ExponentialMovingAverage? _average;
    private readonly TrainingCheckpoint _checkpoint;
    private readonly string? _folder;
    private readonly DType _products;
    private readonly LossScale? _scale;

    public Trainer(RunConfig config, ITask task, TrainedModel model, string? folder)
    {
        (_config, _task, _model, _folder) = (config, task, model, folder);
        _optimizer = new Optimizer(model.Module, new AdamW { LearningRate = config.LearningRate, WeightDecay = config.WeightDecay, Beta2 = 0.98 });
        _schedule = new CosineSchedule(config.LearningRate, Math.Max(config.Steps, config.WarmupSteps + 1), config.WarmupSteps, config.LearningRate * 0.1);
        if (config.AverageDecay > 0) _average = new ExponentialMovingAverage(model.Module, config.AverageDecay, warmup: true);
        _checkpoint = new TrainingCheckpoint(model.Module, _optimizer, _average);
        _products = Precision.Parse(config.Precision);
        _scale = Precision.ScaleFor(_products);
    }

    /// <summary>Where a run keeps its weights.</summary>
    public static string CheckpointIn(string folder) => Path.Combine(folder, TextModel.WeightsName);

    /// <summary>True when the figure reported is accuracy, false for bits per byte.</summary>
    public static bool ScoresAccuracy(ITask task) => task is not TextFile;

    /// <summary>Continues from the folder's checkpoint.</summary>
    public void Resume()
    {
        _checkpoint.Load(CheckpointIn(_folder!));
        Precision.Read(_scale, _checkpoint.Notes);
    }

    /// <summary>Steps done so far.</summary>
    public int Step => (int)_checkpoint.Step;

    /// <summary>Runs to the end or until <paramref name="stop"/>; then saves.</summary>
    public Outcome Run(MetricsLog? log, Action<TrainingProgress>? report, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        var times = new List<double>();
        double sinceLoss = 0, lastEval = double.NaN, lastScore = double.NaN;
        int since = 0, first = Step;
        _model.Module.Train();
        while (Step < _config.Steps && !stop.IsCancellationRequested)
        {
            var began = clock.Elapsed;
            var loss = TrainStep();
            times.Add((clock.Elapsed - began).TotalMilliseconds);
            _checkpoint.Step++;
            sinceLoss += loss;
            since++;
            if (!double.IsFinite(loss))
                throw new TensorException($"the loss became {loss} at step {Step}: lower --lr, or look for the cause with the anomaly mode");
            if (Step % _config.EvaluateEvery == 0 || Step == _config.Steps)
            {
                (lastEval, lastScore) = Evaluate();
                log?.Add(new MetricsRow(Step, sinceLoss / since, lastEval, lastScore, _schedule.At(Step - 1), Speed(times)));
                (sinceLoss, since) = (0, 0);
                Save();
            }

            if (report is not null)
            {
                var left = TimeSpan.FromSeconds((_config.Steps - Step) * clock.Elapsed.TotalSeconds / (Step - first));
                report(new TrainingProgress(Step, _config.Steps, loss, lastScore, Speed(times), left));
            }
        }

        if (double.IsNaN(lastEval)) (lastEval, lastScore) = Evaluate();
        if (Step < _config.Steps) Save();
        return new Outcome(Step, Step >= _config.Steps, lastEval, lastScore, Median(times));
    }

    private double TrainStep()
    {
        using var scope = Tensor.Scope();
        var batch = _task.Draw(new Generator(Mix(_config.Seed, TrainStream, (ulong)Step)), _config.BatchSize);
        Tensor loss;
        using (MixedPrecision.Products(_products)) loss = Loss(_model.Logits(batch.Tokens), batch.Targets);
        _optimizer.ZeroGrad();
        (_scale?.Scaled(loss) ?? loss).Backward();
        _optimizer.SetLearningRate(_schedule.At(Step));
        if (Update()) _average?.Update();
        return loss.Item();
    }

    /// <summary>False where the gradients of a scaled loss were not finite and the weights stayed.</summary>
    private bool Update()
    {
        if (_scale is not null) return _scale.Step(_optimizer, _config.ClipNorm);
        _optimizer.StepClipped(_config.ClipNorm);
        return true;
    }

    private static Tensor Loss(Tensor logits, Tensor targets) => logits.CrossEntropy(targets, Sequences.NotScored);

    /// <summary>Mean loss and score on sequences the training never saw, of the averaged weights where the run keeps them.</summary>
    public (double Loss, double Score) Evaluate()
    {
        using var off = Tensor.NoGrad();
        using var averaged = _average?.Apply();
        _model.Module.Eval();
        double loss = 0;
        long right = 0, scored = 0;
        foreach (var batch in TestBatches())
        {
            using var scope = Tensor.Scope();
            var logits = _model.Logits(batch.Tokens);
            var counted = batch.Targets.NotEqualTo(Sequences.NotScored);
            loss += logits.CrossEntropy(batch.Targets, Sequences.NotScored, reduction: Reduction.Sum).Item();
            scored += (long)counted.To(DType.Int64).Sum().Item();
            right += (long)logits.ArgMax(-1).EqualTo(batch.Targets).LogicalAnd(counted).To(DType.Int64).Sum().Item();
        }

        _model.Module.Train();
        loss /= scored;
        return (loss, ScoresAccuracy(_task) ? (double)right / scored : loss / Math.Log(2));
    }

    private IEnumerable<Batch> TestBatches()
    {
        if (_task is TextFile text)
        {
            foreach (var batch in text.HeldOutBatches(_config.BatchSize)) yield return batch;
            yield break;
        }

        // A fixed set: as many sequences whatever the batch size.
        const int TestSequences = 512;
        var size = Math.Min(64, TestSequences);
        for (var i = 0; i < TestSequences / size; i++)
            yield return _task.Draw(new Generator(Mix(_config.Seed, TestStream, (ulong)i)), size);
    }

    private void Save()
    {
        if (_folder is null) return;
        Precision.Write(_scale, _checkpoint.Notes);
        _checkpoint.Save(CheckpointIn(_folder));
    }

    private double Speed(List<double> milliseconds)
    {
        var recent = milliseconds.Count > 20 ? milliseconds.GetRange(milliseconds.Count - 20, 20) : milliseconds;
        return _config.BatchSize * (double)_task.Length * 1000 / Math.Max(Median(recent), 1e-6);
    }

    private static double Median(List<double> values)
    {
        if (values.Count == 0) return 0;
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    /// <summary>One seed out of several numbers, by the generator's own mixing.</summary>
    private static ulong Mix(ulong seed, ulong stream, ulong index)
    {
        var (w0, w1, _, _) = Philox.Block(seed ^ (stream << 32), index);
        return (ulong)w0 << 32 | w1;
    }
}
