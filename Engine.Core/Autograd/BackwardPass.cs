using System.Runtime.InteropServices;
using Edifice.Engine.Backends;

namespace Edifice.Engine.Autograd;

/// <summary>One run over the tape: iterative, newest op first, so that every cotangent is complete before it is used.</summary>
/// <remarks>
/// An op is always newer than what made its inputs (<see cref="Node.Sequence"/>), so descending order is a topological
/// order; nothing recurses, and a chain of a million ops costs a million list entries. Cotangents of one tensor are added
/// in that same order, so two runs give the same bits. All state belongs to the run: hooks may start another one.
/// </remarks>
internal sealed class BackwardPass
{
    private readonly GradientRecord[]? _targets;
    private readonly Tensor?[] _results;
    private readonly bool _retainGraph;
    private readonly bool _createGraph;
    private readonly Dictionary<GradientRecord, Cotangent> _pending = [];
    private readonly List<GradientRecord> _leaves = [];

    /// <summary>With targets: for each node on a path to one, which inputs lead there.</summary>
    private readonly Dictionary<Node, bool[]>? _useful;

    private BackwardPass(GradientRecord[]? targets, bool retainGraph, bool createGraph)
    {
        _targets = targets;
        _results = new Tensor?[targets?.Length ?? 0];
        _retainGraph = retainGraph;
        _createGraph = createGraph;
        _useful = targets is null ? null : [];
    }

    /// <summary>A cotangent on its way; <paramref name="Owned"/>: this pass made the tensor and nobody else sees it.</summary>
    private record struct Cotangent(Tensor Value, bool Owned);

    /// <summary>Accumulates the gradients of all leaves.</summary>
    public static void Run(Tensor[] outputs, Tensor?[] seeds, bool retainGraph, bool createGraph) =>
        new BackwardPass(null, retainGraph, createGraph).Execute(outputs, seeds);

    /// <summary>The gradients of given tensors; leaves accumulate nothing.</summary>
    public static Tensor?[] Grad(Tensor[] outputs, Tensor[] inputs, Tensor?[] seeds, bool retainGraph, bool createGraph)
    {
        var targets = new GradientRecord[inputs.Length];
        for (var i = 0; i < inputs.Length; i++)
            targets[i] = inputs[i].Record ?? throw TensorException.For("Grad", $"input {i} does not require a gradient", inputs[i]);
        var pass = new BackwardPass(targets, retainGraph, createGraph);
        pass.Execute(outputs, seeds);
        return pass._results;
    }

    private void Execute(Tensor[] outputs, Tensor?[] seeds)
    {
        var nodes = Collect(outputs);
        using var mode = _createGraph ? GradMode.On() : GradMode.Off();
        // Rules know from what they saved in which type they multiply.
        using var precision = MixedPrecision.EndForBackward();
        for (var i = 0; i < outputs.Length; i++)
            Deliver(outputs[i].Record!, Seed(outputs[i], seeds[i]), owned: false, null);
        foreach (var node in nodes) Step(node);
        foreach (var leaf in _leaves) Complete(leaf);
    }

    /// <summary>The nodes to visit, newest first.</summary>
    private List<Node> Collect(Tensor[] outputs)
    {
        var seen = new HashSet<Node>();
        var nodes = new List<Node>();
        var oldest = OldestTarget();
        foreach (var y in outputs)
        {
            var record = y.Record ?? throw TensorException.For(
                "Backward", "the tensor does not depend on anything that requires a gradient", y);
            if (record.Node is { } n && seen.Add(n)) nodes.Add(n);
        }

        for (var i = 0; i < nodes.Count; i++)
            foreach (var input in nodes[i].Inputs)
                if (input?.Node is { } n && n.Sequence >= oldest && seen.Add(n)) nodes.Add(n);
        nodes.Sort(static (a, b) => b.Sequence.CompareTo(a.Sequence));
        if (_targets is not null) MarkUseful(nodes);
        return nodes;
    }

    /// <summary>Nothing recorded before every target was made can depend on one.</summary>
    private long OldestTarget()
    {
        if (_targets is null) return 0;
        var oldest = long.MaxValue;
        foreach (var t in _targets) oldest = Math.Min(oldest, t.Node?.Sequence ?? 0);
        return oldest;
    }

    private void MarkUseful(List<Node> nodes)
    {
        var wanted = new HashSet<GradientRecord>(_targets!);
        for (var i = nodes.Count - 1; i >= 0; i--)
        {
            var inputs = nodes[i].Inputs;
            bool[]? marks = null;
            for (var k = 0; k < inputs.Length; k++)
                if (inputs[k] is { } r && (wanted.Contains(r) || (r.Node is { } n && _useful!.ContainsKey(n))))
                    (marks ??= new bool[inputs.Length])[k] = true;
            if (marks is not null) _useful![nodes[i]] = marks;
        }
    }

    private static Tensor Seed(Tensor output, Tensor? seed)
    {
        if (seed is null)
        {
            if (output.Count != 1)
                throw TensorException.For("Backward", "only a one-element tensor has an implied cotangent: pass one", output);
            return output.OnesLike();
        }

        if (seed.Shape != output.Shape || seed.DType != output.DType || seed.Device != output.Device)
            throw TensorException.For("Backward", "the cotangent must have the output's shape, dtype and device", output, seed);
        return seed;
    }

    private void Step(Node node)
    {
        bool[]? marks = null;
        var pulls = _useful is null || _useful.TryGetValue(node, out marks);
        var cotangents = new Tensor?[node.Outputs.Length];
        var owned = new bool[cotangents.Length];
        var any = false;
        for (var i = 0; i < cotangents.Length; i++)
        {
            if (Complete(node.Outputs[i]) is not { } c) continue;
            (cotangents[i], owned[i]) = c;
            any = true;
        }

        if (!any || !pulls) return;
        Pull(node, marks, cotangents, owned);
        if (!_retainGraph) node.Release();
    }

    private void Pull(Node node, bool[]? marks, Tensor?[] cotangents, bool[] owned)
    {
        // What a rule makes on the way to its results is garbage the moment it returns, unless it is part of a graph.
        using var scope = _createGraph ? null : Tensor.Scope();
        var gradients = Anomaly.Pull(node, cotangents, marks);
        if (gradients.Length != node.Inputs.Length)
            throw new AutogradException($"{node.Op}: its backward pass gave {gradients.Length} gradients for {node.Inputs.Length} inputs");
        for (var i = 0; i < gradients.Length; i++)
        {
            if (node.Inputs[i] is not { } input || (marks is not null && !marks[i]) || gradients[i] is not { } g) continue;
            g = ReduceTo(node.Op, g, input);
            Anomaly.CheckBackward(node.Op, i, g);
            var mine = scope is not null && ReferenceEquals(g.Owner, scope) && Array.LastIndexOf(gradients, gradients[i]) == i &&
                Array.IndexOf(gradients, gradients[i]) == i;
            scope?.Keep(g);
            Deliver(input, g, mine, scope);
        }

        for (var i = 0; i < cotangents.Length; i++)
            if (owned[i] && !gradients.Contains(cotangents[i])) cotangents[i]!.Dispose();
    }

    private void Deliver(GradientRecord record, Tensor g, bool owned, TensorScope? ruleScope)
    {
        ref var slot = ref CollectionsMarshal.GetValueRefOrAddDefault(_pending, record, out var exists);
        if (!exists || slot.Value is null)
        {
            slot = new Cotangent(g, owned);
            if (record.IsLeaf) _leaves.Add(record);
            return;
        }

        var sum = slot.Value;
        if (_createGraph)
        {
            slot = new Cotangent(Add(sum, g), false);
        }
        else if (g.DType.IsNarrowFloat())
        {
            var total = Add(sum, g);
            ruleScope?.Keep(total);
            slot = new Cotangent(total, true);
        }
        else if (slot.Owned && sum.IsContiguous && sum.Storage.IsUnique)
        {
            sum.Backend.Axpy(1, g, sum);
            if (owned) g.Dispose();
        }
        else
        {
            // Rules hand cotangents on, so this one may be in use when the pass is through: the caller's scope frees it.
            var total = sum.AllocateLike();
            ruleScope?.Keep(total);
            sum.Backend.Zip(BinaryKernel.Add, sum, g, total);
            slot = new Cotangent(total, true);
        }
    }

    /// <summary>The sum of two cotangents as a tensor on the tape; 16-bit ones by way of float32.</summary>
    private static Tensor Add(Tensor a, Tensor b)
    {
        if (!a.DType.IsNarrowFloat()) return a + b;
        using Tensor wideA = a.To(DType.Float32), wideB = b.To(DType.Float32), sum = wideA + wideB;
        return sum.To(a.DType);
    }

    /// <summary>Takes a tensor's complete cotangent: runs hooks and files it where somebody asked for it.</summary>
    private Cotangent? Complete(GradientRecord record)
    {
        if (!_pending.Remove(record, out var c)) return null;
        var (g, owned) = c;
        if (record.Hooks is { } hooks)
        {
            owned = false;
            foreach (var hook in hooks.ToArray())
                if (hook(g) is { } replaced) g = CheckHook(replaced, record);
        }

        if (_targets is null)
        {
            if (record.IsLeaf || record.RetainsGradient) owned &= !Accumulate(record, g, owned && record.IsLeaf);
            return new Cotangent(g, owned);
        }

        for (var i = 0; i < _targets.Length; i++)
            if (ReferenceEquals(_targets[i], record))
            {
                _results[i] = HandOver(g, owned);
                owned = false;
            }

        return new Cotangent(g, owned);
    }

    /// <summary>A gradient as a tensor that nobody else holds: rules hand on cotangents and views of them, and the caller may write
    /// to, or dispose, what it gets. On the tape a tensor object of its own must do.</summary>
    private static Tensor HandOver(Tensor g, bool owned)
    {
        if (g.Record is not null) return g.Alias();
        if (owned && g.IsContiguous && g.Storage.IsUnique) return g;
        var copy = g.AllocateLike();
        g.Backend.Copy(g, copy);
        return copy;
    }

    /// <summary>Adds to the stored gradient; true when the tensor itself was taken over.</summary>
    private bool Accumulate(GradientRecord record, Tensor g, bool mayTake)
    {
        // A gradient outlives every scope: it belongs to the parameter.
        using var none = TensorScope.Suspend();
        if (record.Gradient is { } old)
        {
            // In place only where no view, no graph and no second parameter can see it.
            if (_createGraph || old.Record is not null || !old.IsContiguous || !old.Storage.IsUnique || old.DType.IsNarrowFloat())
            {
                record.Gradient = Add(old, g);
                return false;
            }

            old.Backend.Axpy(1, g, old);
            old.Storage.Version++;
            return false;
        }

        if (mayTake && g.Record is null && g.IsContiguous && g.Count * g.DType.SizeOf() == g.Storage.ByteLength && g.Storage.IsUnique)
        {
            g.Owner = null;
            record.Gradient = g;
            return true;
        }

        record.Gradient = HandOver(g, owned: false);
        return false;
    }

    /// <summary>Sums a cotangent over the axes along which the input was broadcast.</summary>
    private static Tensor ReduceTo(string op, Tensor g, GradientRecord input)
    {
        if (g.DType != input.DType || g.Device != input.Device)
            throw new AutogradException($"{op}: its backward pass gave a gradient of {g.Describe()} for an input of {input.DType} on {input.Device}");
        var shape = input.Layout.Shape;
        if (g.Shape == shape) return g;
        if (!Shape.TryBroadcast(shape, g.Shape, out var both) || both != g.Shape)
            throw new AutogradException($"{op}: its backward pass gave a gradient of {g.Shape} for an input of {shape}");
        return g.DType.IsNarrowFloat() ? g.To(DType.Float32).SumTo(shape).To(g.DType) : g.SumTo(shape);
    }

    private static Tensor CheckHook(Tensor replaced, GradientRecord record) =>
        replaced.Shape == record.Layout.Shape && replaced.DType == record.DType
            ? replaced
            : throw TensorException.For("hook", $"the replaced gradient must be {record.DType} {record.Layout.Shape}", replaced);
}
