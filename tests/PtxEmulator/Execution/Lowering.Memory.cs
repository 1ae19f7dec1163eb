using PtxEmulator.Isa;
using PtxEmulator.Parsing;

namespace PtxEmulator.Execution;

/// <summary>Memory, atomics, barriers and what the lanes of a warp do together.</summary>
internal sealed partial class Lowering
{
    private StateSpace SpaceOf() => _source.Modifiers.FirstOrDefault(m => m is "global" or "shared" or "local" or "const" or "param" or "shared::cta") switch
    {
        "global" => StateSpace.Global,
        "shared" or "shared::cta" => StateSpace.Shared,
        "local" => StateSpace.Local,
        "const" => StateSpace.Const,
        "param" => StateSpace.Param,
        _ => StateSpace.Generic,
    };

    private Place PlaceOf(PtxOperand operand, StateSpace space, int bytes)
    {
        if (operand is not AddressOperand address) throw Error($"{_source.FullName} wants an address in brackets");
        if (address.Variable is { } variable)
        {
            var isOwn = _at.Frame.Locals.ContainsKey(variable);
            if (variable.Space != space && space != StateSpace.Generic) throw Error($"{variable.Name} is in .{variable.Space} space, {_source.FullName} is not".ToLowerInvariant());
            // Parameters of a .func are handed over in memory of the thread.
            var where = variable.Space == StateSpace.Param && isOwn ? StateSpace.Local : variable.Space;
            return new Place(where, _constants.Get(AddressOf(variable, _at.Frame), true), true, address.Offset, bytes);
        }

        if (address.Register is not { } register) return new Place(space, _constants.Get(0, true), true, address.Offset, bytes);
        if (register.Type.IsFloat() || register.Type.Bits() < 32) throw Error($"{register.Name} is {register.Type.Name()} and cannot hold an address");
        var isWide = register.Type.Bits() == 64;
        if (!isWide && space is StateSpace.Global or StateSpace.Generic) throw Error($"{register.Name} has 32 bits, an address of this space 64");
        return new Place(space, Slot.Register(Register(register).Offset), isWide, address.Offset, bytes);
    }

    private bool IsStrong => _source.Has("volatile") || _source.Has("relaxed") || _source.Has("acquire") || _source.Has("release");

    private void LowerMemory()
    {
        switch (_source.Opcode)
        {
            case "ld":
            case "ldu":
                LoadOrStore(true);
                break;
            case "st":
                LoadOrStore(false);
                break;
            case "atom":
            case "red":
                Atomics();
                break;
            case "cvta":
                ConvertAddress();
                break;
            case "bar":
            case "barrier":
                Barriers();
                break;
            case "membar":
            case "fence":
            case "prefetch":
            case "prefetchu":
            case "nanosleep":
                Add(new Nothing());
                break;
            case "shfl":
                ShuffleLanes();
                break;
            case "vote":
                VoteLanes();
                break;
            case "activemask":
                Operands(1);
                Add(new ActiveMask(Out(0, ScalarType.B32)));
                break;
            case "cp":
                AsyncCopies();
                break;
            default:
                throw NotEmulated();
        }
    }

    private void LoadOrStore(bool isLoad)
    {
        Operands(2);
        var type = _source.Type;
        var count = _source.Has("v4") ? 4 : _source.Has("v2") ? 2 : 1;
        var (value, at) = isLoad ? (_source.Operands[0], _source.Operands[1]) : (_source.Operands[1], _source.Operands[0]);
        var elements = value is VectorOperand vector ? vector.Elements : [value];
        if (elements.Count != count || (count > 1) != (value is VectorOperand)) throw Error($"{_source.FullName} wants {count} registers");
        var place = PlaceOf(at, SpaceOf(), type.Bytes() * count);
        if (place.Bytes > 16) throw Error($"{_source.FullName}: an access has at most 16 bytes");
        if (isLoad)
        {
            var targets = elements.Select(e => e is SinkOperand && count == 1 ? throw Error("a sink stands only in vectors") : Out(e, type, true)).ToArray();
            Add(new Load(place, targets, IsWide(elements.FirstOrDefault(e => e is not null), type), type.Bytes(), type.IsSigned(), IsStrong, _source.Has("nc")));
            return;
        }

        var sources = elements.Select(e => Value(e ?? throw Error("a sink is not a source"), type, _at.Frame, true)).ToArray();
        var isWide = elements[0] is RegisterOperand r ? r.Register.Type.Bits() == 64 : type.Bits() == 64;
        if (elements.OfType<RegisterOperand>().Any(e => e.Register.Type.Bits() == 64 != isWide)) throw Error("registers of one vector have one width");
        Add(new Store(place, sources, isWide, type.Bytes(), IsStrong));
    }

    private void Atomics()
    {
        var isReduction = _source.Opcode == "red";
        var type = _source.Type;
        var operation = _source.Modifiers.FirstOrDefault(m => m is "add" or "min" or "max" or "and" or "or" or "xor" or "exch" or "cas" or "inc" or "dec") switch
        {
            "add" => AtomicOperation.Add,
            "min" => AtomicOperation.Min,
            "max" => AtomicOperation.Max,
            "and" => AtomicOperation.And,
            "or" => AtomicOperation.Or,
            "xor" => AtomicOperation.Xor,
            "exch" => AtomicOperation.Exchange,
            "cas" => AtomicOperation.CompareExchange,
            "inc" => AtomicOperation.Increment,
            "dec" => AtomicOperation.Decrement,
            _ => throw NotEmulated(),
        };
        if (type.Bits() < 32 || type.IsFloat() && operation != AtomicOperation.Add) throw NotEmulated();
        var first = isReduction ? 0 : 1;
        Operands(first + (operation == AtomicOperation.CompareExchange ? 3 : 2));
        var place = PlaceOf(_source.Operands[first], SpaceOf(), type.Bytes());
        var a = In(first + 1, type);
        var b = operation == AtomicOperation.CompareExchange ? In(first + 2, type) : a;
        Add(new Atomic(place, isReduction ? null : Out(_source.Operands[0], type), a, b, operation, type));
    }

    private void ConvertAddress()
    {
        Operands(2);
        var window = SpaceOf() switch
        {
            StateSpace.Shared => MemoryStep.SharedWindow,
            StateSpace.Local => MemoryStep.LocalWindow,
            StateSpace.Const => MemoryStep.ConstWindow,
            StateSpace.Global => 0UL,
            _ => throw NotEmulated(),
        };
        Slot d = Out(0, ScalarType.U64), a = In(1, ScalarType.U64);
        Add(new Map2<ulong, Add<ulong>>(d, a, _constants.Get(_source.Has("to") ? 0 - window : window, true)));
    }

    private void Barriers()
    {
        if (_source.Has("warp"))
        {
            Operands(1);
            Add(new WarpBarrier(In(0, ScalarType.B32)));
            return;
        }

        if (!_source.Has("sync")) throw NotEmulated();
        Operands(1, 2);
        if (_source.Operands[0] is not IntegerOperand { Bits: < 16 } number) throw Error($"{_source.FullName} wants the number of a barrier, 0 to 15");
        var threads = 0;
        if (_source.Operands.Length == 2)
        {
            if (_source.Operands[1] is not IntegerOperand { Bits: > 0 } count || count.Bits % 32 != 0) throw Error($"{_source.FullName} wants a multiple of 32 threads");
            threads = (int)count.Bits;
        }

        Add(new ControlStep(StepKind.Barrier) { Barrier = (int)number.Bits, BarrierThreads = threads });
    }

    private void ShuffleLanes()
    {
        Operands(5);
        if (!_source.Has("sync")) throw NotEmulated();
        var mode = _source.Modifiers.FirstOrDefault(m => m is "up" or "down" or "bfly" or "idx") switch
        {
            "up" => ShuffleMode.Up,
            "down" => ShuffleMode.Down,
            "bfly" => ShuffleMode.Butterfly,
            "idx" => ShuffleMode.Index,
            _ => throw NotEmulated(),
        };
        var (value, inRange) = _source.Operands[0] is PairOperand pair ? (pair.First, pair.Second) : (_source.Operands[0], null);
        Add(new Shuffle(
            Out(value, ScalarType.B32), PredicateOrSink(inRange), In(1, ScalarType.B32), In(2, ScalarType.B32), In(3, ScalarType.B32), In(4, ScalarType.B32), mode));
    }

    private void VoteLanes()
    {
        Operands(3);
        if (!_source.Has("sync")) throw NotEmulated();
        var mode = _source.Modifiers.FirstOrDefault(m => m is "all" or "any" or "uni" or "ballot") switch
        {
            "all" => VoteMode.All,
            "any" => VoteMode.Any,
            "uni" => VoteMode.Uniform,
            "ballot" => VoteMode.Ballot,
            _ => throw NotEmulated(),
        };
        var (a, constant) = PredicateValue(_source.Operands[1]);
        var members = In(2, ScalarType.B32);
        Add(mode == VoteMode.Ballot
            ? new Vote(Out(0, ScalarType.B32), null, a, constant, members, mode)
            : new Vote(null, Predicate(_source.Operands[0], false), a, constant, members, mode));
    }

    private void AsyncCopies()
    {
        if (!_source.Has("async")) throw NotEmulated();
        if (_source.Has("commit_group"))
        {
            Add(new AsyncFence(true, -1));
        }
        else if (_source.Has("wait_group"))
        {
            if (_source.Operands is not [IntegerOperand { IsNegative: false } kept]) throw Error("cp.async.wait_group wants a count");
            Add(new AsyncFence(false, (int)kept.Bits));
        }
        else if (_source.Has("wait_all"))
        {
            Add(new AsyncFence(true, 0));
        }
        else
        {
            Operands(3, 4);
            if (_source.Operands[2] is not IntegerOperand { Bits: 4 or 8 or 16 } size) throw Error("cp.async copies 4, 8 or 16 bytes");
            if (_source.Has("cg") && size.Bits != 16) throw Error("cp.async.cg copies 16 bytes");
            Add(new AsyncCopy(
                PlaceOf(_source.Operands[0], StateSpace.Shared, (int)size.Bits), PlaceOf(_source.Operands[1], StateSpace.Global, (int)size.Bits),
                _source.Operands.Length == 4 ? In(3, ScalarType.U32) : null));
        }
    }
}
