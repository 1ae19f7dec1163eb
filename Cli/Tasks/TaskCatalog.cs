using Edifice.Engine;
using Edifice.Engine.Ops;

namespace Edifice.Cli.Tasks;

/// <summary>The tasks by name.</summary>
internal static class TaskCatalog
{
    private static readonly (string Name, TaskOption[] Options, Func<OptionBag, ITask> Build, string About)[] s_tasks =
    [
        ("mqar", AssociativeRecall.Options, o => new AssociativeRecall(o), "multi-query associative recall"),
        ("copy", SelectiveCopy.Options, o => new SelectiveCopy(o), "selective copying"),
        ("induction", InductionHeads.Options, o => new InductionHeads(o), "induction heads"),
        ("majority", Majority.Options, o => new Majority(o), "most frequent token of a sequence"),
        ("match", HalvesMatch.Options, o => new HalvesMatch(o), "do both halves agree"),
    ];

    public static IEnumerable<string> Names => s_tasks.Select(t => t.Name);

    public static IEnumerable<(string Name, TaskOption[] Options, string About)> All => s_tasks.Select(t => (t.Name, t.Options, t.About));

    /// <summary>True when an option belongs to the task rather than to a block.</summary>
    public static bool HasOption(string task, string option) =>
        s_tasks.Any(t => t.Name == task && t.Options.Any(o => o.Name == option));

    /// <exception cref="TensorException">Unknown task, or options it refuses.</exception>
    public static ITask Build(string name, OptionBag options)
    {
        foreach (var task in s_tasks)
            if (task.Name == name) return task.Build(options);
        throw new TensorException($"unknown task '{name}': {string.Join(", ", Names)}");
    }
}
