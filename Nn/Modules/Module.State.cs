using System.Text;
using Edifice.Engine;
using Edifice.Engine.Serialization;

namespace Edifice.Nn;

/// <summary>What a state dict had too little or too much of.</summary>
/// <param name="Missing">Names of the module that the state lacks; their tensors were left as they are.</param>
/// <param name="Unexpected">Names of the state that the module lacks.</param>
public sealed record StateDifference(IReadOnlyList<string> Missing, IReadOnlyList<string> Unexpected);

/// <summary>The state dict: all values by name.</summary>
public abstract partial class Module
{
    private const int MostNamesShown = 8;

    /// <summary>Parameters and persistent buffers by full name, in the order of registration. The tensors share memory with
    /// the module (without history): clone those that are to stay while training goes on.</summary>
    public IReadOnlyDictionary<string, Tensor> StateDict()
    {
        var state = new OrderedDictionary<string, Tensor>();
        foreach (var (name, t) in PersistentState()) state.Add(name, t.Value.Detach());
        return state;
    }

    /// <summary>Copies values by name into this module's tensors, in place; floating dtypes are converted to the
    /// module's.</summary>
    /// <param name="state">Names as in <see cref="StateDict"/>.</param>
    /// <param name="strict">False: names that only one side has are left alone.</param>
    /// <returns>What did not match; empty when <paramref name="strict"/>.</returns>
    /// <exception cref="TensorException">Missing or unexpected names when strict; another shape, or floating point against
    /// integers, always. Nothing was changed then.</exception>
    public StateDifference LoadStateDict(IReadOnlyDictionary<string, Tensor> state, bool strict = true)
    {
        ArgumentNullException.ThrowIfNull(state);
        return LoadState("LoadStateDict", new TensorsByName(state), strict, sameDType: false);
    }

    /// <summary>Writes the state dict to a safetensors file, all or nothing.</summary>
    public void Save(string path, IEnumerable<KeyValuePair<string, string>>? metadata = null) =>
        SafetensorsFile.Write(path, StateDict(), metadata);

    /// <summary>Loads a safetensors file as <see cref="LoadStateDict"/> does, one tensor at a time.</summary>
    /// <exception cref="TensorException">As for <see cref="LoadStateDict"/>, or a broken file.</exception>
    public StateDifference Load(string path, bool strict = true)
    {
        using var file = SafetensorsFile.Open(path);
        return LoadState($"Load {path}", new TensorsOfFile(file), strict, sameDType: false);
    }

    internal IEnumerable<(string Name, StateTensor State)> PersistentState() =>
        NamedState().Where(s => s.State is not StateBuffer { IsPersistent: false });

    internal StateDifference LoadState(string op, IStateSource source, bool strict, bool sameDType)
    {
        var difference = CheckState(op, source, strict, sameDType);
        var absent = difference.Missing.ToHashSet();
        foreach (var (name, target) in PersistentState())
        {
            if (absent.Contains(name)) continue;
            using var scope = Tensor.Scope();
            target.Set(source.Read(name));
        }

        return difference;
    }

    /// <summary>All of the checks of <see cref="LoadState"/>, without loading.</summary>
    internal StateDifference CheckState(string op, IStateSource source, bool strict, bool sameDType)
    {
        var own = new Dictionary<string, StateTensor>();
        foreach (var (name, state) in PersistentState()) own.Add(name, state);
        var given = source.Names.ToHashSet();
        var missing = own.Keys.Where(n => !given.Contains(n)).ToArray();
        var unexpected = source.Names.Where(n => !own.ContainsKey(n)).ToArray();
        var problems = new StringBuilder();
        if (strict)
        {
            List(problems, "missing", missing, n => $"{n} {own[n].Shape}");
            List(problems, "unexpected", unexpected, n => $"{n} {source.Describe(n).Shape}{NearestName.Hint(n, missing)}");
        }

        var wrong = own.Where(o => given.Contains(o.Key) && !Fits(source.Describe(o.Key), o.Value, sameDType)).Select(o => o.Key).ToArray();
        List(problems, "different", wrong, n =>
        {
            var (dtype, shape) = source.Describe(n);
            return $"{n} is {dtype?.ToString() ?? "of an unknown dtype"} {shape} in the state and {own[n].DType} {own[n].Shape} in the module";
        });
        return problems.Length == 0
            ? new StateDifference(missing, unexpected)
            : throw new TensorException($"{op}: the state does not fit this {GetType().Name}:{problems}");
    }

    private static bool Fits((DType? DType, Shape Shape) given, StateTensor own, bool sameDType) =>
        given.Shape == own.Shape && given.DType is { } dtype && (sameDType ? dtype == own.DType : StateTensor.Converts(dtype, own.DType));

    private static void List(StringBuilder text, string title, string[] names, Func<string, string> show)
    {
        if (names.Length == 0) return;
        text.Append($"\n  {title}: ").AppendJoin("; ", names.Take(MostNamesShown).Select(show));
        if (names.Length > MostNamesShown) text.Append($"; and {names.Length - MostNamesShown} more");
    }
}
