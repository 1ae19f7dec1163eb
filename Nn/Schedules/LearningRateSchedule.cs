using System.Runtime.CompilerServices;
using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Nn;

/// <summary>A learning rate as a function of the step alone; there is no state to save:
/// <c>optimizer.SetLearningRate(schedule.At(step))</c> before each step.</summary>
public abstract record LearningRateSchedule
{
    private protected LearningRateSchedule() { }

    /// <summary>The rate of a step; steps count from 0.</summary>
    /// <exception cref="TensorException">The schedule has no such step.</exception>
    public abstract double At(long step);

    /// <summary>Reads a schedule from its <c>name</c> and options.</summary>
    /// <exception cref="TensorException">An unknown name or option, or a setting outside its range.</exception>
    public static LearningRateSchedule FromOptions(OptionBag options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var (schedule, known) = Read(options);
        foreach (var name in options.Names)
            if (name != "name" && !known.Contains(name))
                throw new TensorException($"lr_schedule: '{options.Text("name", "")}' has no option '{name}'{NearestName.Hint(name, known)}");
        return schedule;
    }

    private static (LearningRateSchedule Schedule, string[] Known) Read(OptionBag o)
    {
        string[] ramp = ["lr", "total_steps", "warmup_steps", "min_lr"];
        return o.Text("name", "") switch
        {
            "constant" => (new ConstantSchedule(Required(o, "lr"), o.Int("warmup_steps", 0)), ["lr", "warmup_steps"]),
            "linear" => (new LinearSchedule(Required(o, "lr"), RequiredSteps(o), o.Int("warmup_steps", 0), o.Double("min_lr", 0)), ramp),
            "cosine" => (new CosineSchedule(Required(o, "lr"), RequiredSteps(o), o.Int("warmup_steps", 0), o.Double("min_lr", 0)), ramp),
            "one_cycle" => (new OneCycleSchedule(Required(o, "max_lr"), RequiredSteps(o))
            {
                RisingShare = o.Double("pct_start", 0.3),
                DivFactor = o.Double("div_factor", 25),
                FinalDivFactor = o.Double("final_div_factor", 1e4),
                Linear = o.Text("anneal_strategy", "cosine") switch
                {
                    "cosine" => false,
                    "linear" => true,
                    var other => throw new TensorException($"one_cycle: anneal_strategy must be 'cosine' or 'linear', got '{other}'"),
                },
            }, ["max_lr", "total_steps", "pct_start", "div_factor", "final_div_factor", "anneal_strategy"]),
            var other => throw new TensorException($"lr_schedule: unknown name '{other}': constant, linear, cosine or one_cycle"),
        };
    }

    private static double Required(OptionBag o, string name) =>
        o.DoubleOrNull(name) ?? throw new TensorException($"lr_schedule: the option '{name}' is missing");

    private static int RequiredSteps(OptionBag o) =>
        o.IntOrNull("total_steps") ?? throw new TensorException("lr_schedule: the option 'total_steps' is missing");

    private protected static double Rate(double value, [CallerArgumentExpression(nameof(value))] string? what = null) =>
        value >= 0 && double.IsFinite(value) ? value : throw new TensorException($"lr_schedule: {what} must be finite and at least 0, got {value}");

    private protected static long Steps(long value, long least, [CallerArgumentExpression(nameof(value))] string? what = null) =>
        value >= least ? value : throw new TensorException($"lr_schedule: {what} must be at least {least}, got {value}");
}

/// <summary>A schedule that may rise linearly before it does what it is named for: rate · (t + 1) / W for t &lt; W, so that
/// the peak is reached at t = W - 1.</summary>
public abstract record WarmupSchedule : LearningRateSchedule
{
    private protected WarmupSchedule(double learningRate, long warmupSteps)
    {
        LearningRate = Rate(learningRate);
        WarmupSteps = Steps(warmupSteps, 0);
    }

    /// <summary>The peak.</summary>
    public double LearningRate { get; }

    /// <summary>W: how many steps the rise takes.</summary>
    public long WarmupSteps { get; }

    /// <inheritdoc/>
    public sealed override double At(long step) =>
        Steps(step, 0) < WarmupSteps ? LearningRate * (step + 1) / WarmupSteps : AfterWarmup(step);

    private protected abstract double AfterWarmup(long step);
}

/// <summary>One rate, after a linear warm-up.</summary>
public sealed record ConstantSchedule(double LearningRate, long WarmupSteps = 0) : WarmupSchedule(LearningRate, WarmupSteps)
{
    private protected override double AfterWarmup(long step) => LearningRate;
}

/// <summary>What <see cref="LinearSchedule"/> and <see cref="CosineSchedule"/> share: after the warm-up the rate falls from its
/// peak to <see cref="MinLearningRate"/>, which it keeps from step T on.</summary>
public abstract record DecaySchedule : WarmupSchedule
{
    private protected DecaySchedule(double learningRate, long totalSteps, long warmupSteps, double minLearningRate)
        : base(learningRate, warmupSteps)
    {
        TotalSteps = Steps(totalSteps, 1);
        MinLearningRate = Rate(minLearningRate);
        if (warmupSteps > totalSteps) throw new TensorException($"lr_schedule: {warmupSteps} steps of warm-up are more than {totalSteps} in all");
    }

    /// <summary>T: the steps in all, warm-up included.</summary>
    public long TotalSteps { get; }

    /// <summary>The rate at the end.</summary>
    public double MinLearningRate { get; }

    private protected sealed override double AfterWarmup(long step) => step >= TotalSteps
        ? MinLearningRate
        : MinLearningRate + (LearningRate - MinLearningRate) * Remaining((double)(step - WarmupSteps) / (TotalSteps - WarmupSteps));

    /// <summary>The share of the fall that is still to come when a share f of the time is over.</summary>
    private protected abstract double Remaining(double f);
}

/// <summary>Falls on a straight line: min + (rate - min)(1 - f), f = (t - W)/(T - W).</summary>
public sealed record LinearSchedule(double LearningRate, long TotalSteps, long WarmupSteps = 0, double MinLearningRate = 0)
    : DecaySchedule(LearningRate, TotalSteps, WarmupSteps, MinLearningRate)
{
    private protected override double Remaining(double f) => 1 - f;
}

/// <summary>Falls on half a cosine: min + (rate - min)(1 + cos πf)/2, f = (t - W)/(T - W) (Loshchilov and Hutter 2017, without
/// restarts).</summary>
public sealed record CosineSchedule(double LearningRate, long TotalSteps, long WarmupSteps = 0, double MinLearningRate = 0)
    : DecaySchedule(LearningRate, TotalSteps, WarmupSteps, MinLearningRate)
{
    private protected override double Remaining(double f) => (1 + Math.Cos(Math.PI * f)) / 2;
}
