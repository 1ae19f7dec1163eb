using Edifice.Engine;
using Edifice.Engine.Autograd;
using Edifice.Engine.Serialization;

namespace Edifice.Attention;

/// <summary>What a block remembers of a stream: the recurrent states, key-value caches and shifted tokens of all its layers.
/// Made by <see cref="SequenceBlock.InitialState"/>, moved on in place by <see cref="SequenceBlock.Step"/> and
/// <see cref="SequenceBlock.Prefill"/>.</summary>
/// <remarks>
/// <para>Batch rows are streams of their own: <see cref="Reset(int)"/> starts one anew while the others go on. Its old cache
/// entries stay in memory until no row can see them, but are masked; everything position-dependent in the blocks depends
/// on distances alone, so the row does as a fresh stream would.</para>
/// <para>A state is not thread-safe. Memory returns to the pool on <see cref="Dispose"/> or, later, by itself.</para>
/// </remarks>
public sealed class StreamState : IDisposable
{
    private const string TimeName = "time", PositionName = "position";

    private readonly StatePlan _plan;
    private readonly SublayerState?[] _sublayers;
    private readonly int[] _positions;
    private bool _halfway;

    private StreamState(StatePlan plan, int batch, int time, int[] positions, Func<string, StateSlot, Tensor> first)
    {
        _plan = plan;
        Batch = batch;
        Time = time;
        _positions = positions;
        using var outside = TensorScope.Suspend();
        _sublayers = [.. plan.Groups.Select(g => g.Slots.Count == 0 ? null : new SublayerState(this, g.Prefix, g.Slots, first))];
    }

    /// <summary>How many streams it holds.</summary>
    public int Batch { get; }

    /// <summary>How many positions were seen since the state was made; the absolute position of the next one.</summary>
    public int Time { get; private set; }

    /// <summary>Per batch row, how many positions were seen since the row began.</summary>
    public IReadOnlyList<int> Positions => _positions;

    /// <summary>The largest of <see cref="Positions"/>: no row may look back further.</summary>
    internal int LongestPast => _positions.Max();

    internal static StreamState Begin(StatePlan plan, int batch, DType dtype, Device device)
    {
        if (batch < 1) throw new TensorException($"InitialState: the batch must be at least 1, got {batch}");
        return new StreamState(plan, batch, 0, new int[batch], (_, slot) =>
            Tensor.Zeros(slot.IsCache ? [batch, 0, .. slot.Shape] : [batch, .. slot.Shape], dtype, device));
    }

    /// <summary>The state of one sublayer, by the number of its group; null when it has none.</summary>
    internal SublayerState? this[int group] => _sublayers[group];

    /// <summary>All of it by name: <c>layers.0.mixer.keys</c> and so on, <c>time</c> [] and <c>position</c> [B] (int64). Views
    /// without history: clone what is to outlive the next step.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors()
    {
        using var off = GradMode.Off();
        var all = new OrderedDictionary<string, Tensor>
        {
            [TimeName] = Tensor.FromArray(new long[] { Time }, Shape.Scalar),
            [PositionName] = Tensor.FromArray(Array.ConvertAll(_positions, p => (long)p)),
        };
        foreach (var sublayer in _sublayers)
            if (sublayer is not null)
                foreach (var (name, value) in sublayer.Tensors()) all.Add(name, value);
        return all;
    }

    /// <summary>Writes <see cref="Tensors"/> to a safetensors file.</summary>
    public void Save(string path) => SafetensorsFile.Write(path, Tensors());

    /// <summary>Takes up a state saved as <see cref="Tensors"/>; see <see cref="SequenceBlock.StateFrom"/>.</summary>
    internal static StreamState From(StatePlan plan, IReadOnlyDictionary<string, Tensor> tensors, DType dtype, Device device)
    {
        var wanted = plan.Groups.SelectMany(g => g.Slots.Select(s => $"{g.Prefix}.{s.Name}")).Concat([TimeName, PositionName]).ToHashSet();
        foreach (var name in tensors.Keys)
            if (!wanted.Contains(name)) throw new TensorException($"StateFrom: this block's state has no tensor '{name}'{Nn.NearestName.Hint(name, wanted)}");
        foreach (var name in wanted)
            if (!tensors.ContainsKey(name)) throw new TensorException($"StateFrom: the tensor '{name}' is missing");
        using var off = GradMode.Off();
        var time = Whole(TimeName, tensors[TimeName], 0)[0];
        var positions = Whole(PositionName, tensors[PositionName], 1);
        if (positions.Length == 0 || time < 0 || positions.Any(p => p < 0 || p > time))
            throw new TensorException($"StateFrom: '{PositionName}' must hold numbers from 0 to '{TimeName}' ({time}), one per batch row");
        return new StreamState(plan, positions.Length, time, positions, (name, slot) =>
        {
            var value = tensors[name];
            var n = slot.IsCache && value.Rank > 1 ? value.Size(1) : 0;
            int[] shape = slot.IsCache ? [positions.Length, n, .. slot.Shape] : [positions.Length, .. slot.Shape];
            if (!value.Shape.AsSpan().SequenceEqual(shape)) throw TensorException.For("StateFrom", $"'{name}' must be {new Shape(shape)}", value);
            var most = Math.Min(time, slot.Keep ?? time);
            if (slot.IsCache && (n > most || n < Math.Min(most, positions.Max())))
                throw TensorException.For("StateFrom", $"'{name}' must have an entry for each of the {most} past positions that a row may see", value);
            return value.To(dtype).To(device).Clone();
        });
    }

    /// <summary>An independent copy: moving one on does not touch the other.</summary>
    public StreamState Clone()
    {
        ThrowIfHalfway();
        return new StreamState(_plan, Batch, Time, (int[])_positions.Clone(), (name, slot) =>
            _sublayers.First(s => s is not null && name == $"{s.Prefix}.{slot.Name}")!.Copy(slot.Name));
    }

    /// <summary>Starts all rows anew.</summary>
    public void Reset()
    {
        foreach (var sublayer in _sublayers) sublayer?.Reset(null);
        Array.Clear(_positions);
        Time = 0;
        _halfway = false;
    }

    /// <summary>Starts one row anew; the others go on.</summary>
    public void Reset(int row)
    {
        if ((uint)row >= (uint)Batch) throw new TensorException($"Reset: there is no row {row} in a state of {Batch}");
        ThrowIfHalfway();
        foreach (var sublayer in _sublayers) sublayer?.Reset(row);
        _positions[row] = 0;
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose()
    {
        foreach (var sublayer in _sublayers) sublayer?.Dispose();
    }

    internal bool Fits(StatePlan plan) => _plan.Matches(plan);

    /// <summary>Marks the state as being moved on: until <see cref="MoveOn"/> some layers are ahead of others.</summary>
    internal void Enter()
    {
        ThrowIfHalfway();
        _halfway = true;
    }

    /// <summary>Counts the positions of a pass that is complete.</summary>
    /// <param name="length">How many.</param>
    /// <param name="sinceReset">Per row, how many of them belong to the segment that began last in them; null: no row began
    /// a segment.</param>
    internal void MoveOn(int length, int?[]? sinceReset)
    {
        Time = checked(Time + length);
        for (var b = 0; b < Batch; b++) _positions[b] = sinceReset?[b] ?? _positions[b] + length;
        _halfway = false;
    }

    private void ThrowIfHalfway()
    {
        if (_halfway)
            throw new TensorException("the state was left half way by a step that failed: go on from a Clone() made before it, or Reset()");
    }

    private static int[] Whole(string name, Tensor value, int rank)
    {
        if (value.Rank != rank || value.DType is not (DType.Int64 or DType.Int32))
            throw TensorException.For("StateFrom", $"'{name}' must hold whole numbers on {rank} axes", value);
        return Array.ConvertAll(value.To(Device.Cpu).To(DType.Int64).ToArray<long>(), v => checked((int)v));
    }
}
